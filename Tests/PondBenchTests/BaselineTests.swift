import FoundationEssentials
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

    @Test func `a file is read back as it was written`() throws {
        #expect(try Baseline(Data(try baseline.text.utf8)) == baseline)
    }

    @Test func `the file in the repository names scenarios that there are`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let data = try Data(contentsOf: URL(filePath: root.path + "/Benchmarks/baseline.json"))
        let known = Set(Scenario.all.filter(\.isRatio).map(\.name))
        #expect(Set(try Baseline(data).ratios.keys).isSubset(of: known))
    }

    @Test func `scenarios have names of their own`() {
        #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
    }
}
