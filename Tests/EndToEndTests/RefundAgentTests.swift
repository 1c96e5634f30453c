import FoundationEssentials
import Glibc
import PondCore
import PondTestKit
import Testing

/// `examples/refund-agent`, as `scripts/demo --saga` runs it: agents that spend money, on workers that are killed.
@Suite struct RefundAgentTests {
    private struct Report: Decodable {
        struct Row: Decodable {
            struct Side: Decodable, Hashable {
                var count: Int
                var amount: Int
            }

            var name: String
            var provider: Side
            var sagas: Side
            var equal: Bool
        }

        var sagas: Int
        var states: [String: Int]
        var kills: Int
        var callbacks: [String: Int]
        var ledger: [Row]
        var balances: Bool
        var problems: [String]
    }

    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/refund-agent").path

    private static func arguments(_ agents: Int, _ seconds: Int, _ more: [String] = []) -> [String] {
        [
            "python3", "\(folder)/demo.py", "--json", "--pond", Child.path("pond"), "--agents", "\(agents)",
            "--seconds",
            "\(seconds)", "--workers", "2", "--paid-within", "6",
        ] + more
    }

    /// Runs the demo, and gives what it found and how it ended.
    private func demo(_ agents: Int, _ seconds: Int, _ more: [String] = []) async throws -> (Report, Int32?, String) {
        let ended = try await Child.run(
            Self.arguments(agents, seconds, more),
            of: "/usr/bin/env",
            environment: ["PYTHONDONTWRITEBYTECODE": "1"]
        ) { try await $0.exit(within: .seconds(180)) }
        let log = ended.error.suffix(20).joined(separator: "\n")
        let text = try #require(ended.output.last, "\(log)")
        return (try JSONDecoder().decode(Report.self, from: Data(text.utf8)), ended.code, log)
    }

    @Test
    func `the provider's ledger is what the agents remember, to the cent, though workers are killed every second`()
        async throws
    {
        let (report, code, log) = try await demo(20, 10)
        #expect(report.problems == [], "\(log)")
        #expect(code == 0 && report.balances && report.ledger.count == 3)
        for row in report.ledger { #expect(row.equal && row.provider == row.sagas, "\(row)") }
        #expect(report.states.values.reduce(0, +) == 20)
        // It has proved nothing unless money went both ways while workers died.
        #expect(report.states["done", default: 0] > 5 && report.kills >= 5, "\(report)")
        #expect(report.ledger[0].provider.amount > 0 && report.ledger[1].provider.amount < 0, "\(report)")
        #expect(report.callbacks["same", default: 0] > 0, "\(report)")
    }

    @Test(arguments: [("keys", "charges ["), ("refunds", "and refunds []")])
    func `a provider with a bug does not balance, and the demo ends with 8`(bug: String, text: String) async throws {
        let (report, code, log) = try await demo(16, 3, ["--plant", bug, "--kill-every", "600"])
        #expect(code == 8 && !report.balances, "\(log)")
        #expect(report.problems.contains { $0.contains(text) }, "\(report.problems)")
        #expect(report.ledger.contains { !$0.equal && $0.provider != $0.sagas }, "\(report)")
    }

    @Test(arguments: [SIGINT, SIGKILL])
    func `nothing is left of a demo that is ended in the middle`(signal: Int32) async throws {
        try await withDirectory { directory in
            let mark = "REFUND_AGENT_MARK=\(directory)"
            let environment = ["REFUND_AGENT_MARK": directory, "TMPDIR": directory]
            let ended = try await Child.run(
                Self.arguments(50, 60),
                of: "/usr/bin/env",
                environment: environment
            ) { demo in
                try await demo.line("workers killed", count: 2, within: .seconds(60))
                let place = try #require(try folders(in: directory).first)
                // Redis, the provider, the webhook and two workers at least.
                #expect(Processes.of(mark, in: place).count >= 5)
                demo.send(signal)
                try await demo.exit(within: .seconds(20))
                try await eventually("all processes have ended", says: { "\(Processes.of(mark, in: place))" }) {
                    Processes.of(mark, in: place).isEmpty
                }
                try await eventually("the folder is gone") { try folders(in: directory).isEmpty }
            }
            #expect(signal == SIGINT ? ended.code == 130 : ended.signal == SIGKILL)
        }
    }

    private func folders(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).map { "\(directory)/\($0)" }
    }

    @Test func `the provider and the audit pass their own tests`() async throws {
        let ended = try await Child.run(
            ["python3", "-m", "unittest", "discover", "-s", "\(Self.folder)/tests"],
            of: "/usr/bin/env",
            environment: ["PYTHONDONTWRITEBYTECODE": "1"]
        ) { try await $0.exit(within: .seconds(120)) }
        #expect(ended.code == 0, "\(ended.error.suffix(40).joined(separator: "\n"))")
    }
}
