import FoundationEssentials
import PondBenchKit
import Synchronization
import Testing

@testable import PondBench

@Suite struct BaselineTests {
    private let baseline = Baseline(ratios: ["drain": 0.4, "cpu": 2])

    private func losses(_ name: String, _ median: Double, isBetterHigher: Bool) -> [String] {
        baseline.losses(in: [name: Ratio(median: median, isBetterHigher: isBetterHigher)]).map(\.name)
    }

    @Test(arguments: [(0.31, false), (0.299, true), (0.9, false)])
    func `a ratio that should be high is lost below three quarters`(median: Double, isLost: Bool) {
        #expect(losses("drain", median, isBetterHigher: true).isEmpty != isLost)
    }

    @Test(arguments: [(2.6, false), (2.7, true), (0.5, false)])
    func `a ratio that should be low is lost above four thirds`(median: Double, isLost: Bool) {
        #expect(losses("cpu", median, isBetterHigher: false).isEmpty != isLost)
    }

    @Test func `what only one side knows is not compared`() {
        #expect(losses("new", 0.001, isBetterHigher: true) == [])
    }

    @Test(arguments: [(1_099.0, false), (1_101, true), (500, false)])
    func `an instruction count is lost above a tenth more`(count: Double, isLost: Bool) {
        let counts = Baseline(instructions: ["drain": 1_000])
        #expect(counts.instructionLosses(in: ["drain": count, "new": 9_999]).isEmpty != isLost)
    }

    @Test(arguments: [(4_999.0, true, true), (5_001, true, false), (101, false, true), (99, false, false)])
    func `a figure beyond its bound is a loss, however little`(value: Double, isBetterHigher: Bool, isLost: Bool) {
        let bounded = Baseline(bounds: ["steps": isBetterHigher ? 5_000 : 100])
        let losses = bounded.violations(in: ["steps": Ratio(median: value, isBetterHigher: isBetterHigher)])
        #expect(losses.isEmpty != isLost)
        #expect(bounded.has("steps") && !bounded.has("drain") && baseline.has("drain"))
    }

    @Test func `what is measured replaces its own part of a file and no other`() throws {
        let file = FileManager.default.temporaryDirectory.path + "/baseline-\(UUID().uuidString).json"
        defer { _ = Result { try FileManager.default.removeItem(atPath: file) } }
        try baseline.save(in: file)
        #expect(try Baseline(file: file) == baseline)
        try Baseline(ratios: ["drain": 0.5], instructions: ["drain": 7]).save(in: file)
        #expect(try Baseline(file: file) == Baseline(ratios: ["drain": 0.5, "cpu": 2], instructions: ["drain": 7]))
    }

    private func report(_ ratios: [String: Double]) -> Report {
        Report(
            machine: Machine(redis: "7"),
            rounds: 1,
            figures: ratios.map { name, ratio in
                Report.Figure(
                    scenario: Scenario(name: name, unit: "") { _ in [] },
                    samples: [Sample(ours: ratio, floor: 1)]
                )
            }
        )
    }

    @Test func `a ratio that is worse is measured again, alone, and forgiven when it recovers`() async throws {
        let both = Baseline(ratios: ["a": 1, "b": 1])
        let losses = try await both.lasting(in: report(["a": 0.5, "b": 1]), secondLooks: 2) { names in
            #expect(names == ["a"])
            return report(["a": 0.8])
        }
        #expect(losses == [])
    }

    @Test func `a ratio that stays worse is lost after so many looks`() async throws {
        let looks = Atomic(0)
        let losses = try await Baseline(ratios: ["a": 1]).lasting(in: report(["a": 0.5]), secondLooks: 2) { _ in
            looks.add(1, ordering: .relaxed)
            return report(["a": 0.6])
        }
        #expect(losses == [Baseline.Loss(name: "a", before: 1, now: 0.6)])
        #expect(looks.load(ordering: .relaxed) == 2)
    }

    @Test func `the file in the repository names scenarios that there are`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let baseline = try Baseline(file: root.path + "/Benchmarks/baseline.json")
        let known = Set(Scenario.all.filter { $0.isRatio && $0.isKept }.map(\.name))
        #expect(Set(baseline.ratios.keys).isSubset(of: known))
        #expect(Set(baseline.instructions.keys).isSubset(of: InstructionCount.all.map(\.name)))
    }

    @Test func `scenarios have names of their own`() {
        #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
    }
}
