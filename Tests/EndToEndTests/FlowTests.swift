import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// `examples/flows` with real workers: the flow is data, its steps are Python.
@Suite(.serialized, .redis) struct FlowTests {
    private static let examples = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/flows").path

    /// What a test has on disk: the ledger of what happened, and the file that holds the bank back.
    private struct Desk {
        let place: Place
        let folder: String

        var ledger: String { "\(folder)/ledger" }
        var hold: String { "\(folder)/hold" }
        var environment: [String: String] { ["LEDGER": ledger, "HOLD": hold] }
        var options: [String] {
            ["worker"] + place.options + [
                "--flow", "\(FlowTests.examples)/onboard.yaml", "--exec",
                "exec python3 \(FlowTests.examples)/handlers.py", "--slots", "4",
            ]
        }

        /// What has happened, without the keys, in order.
        func happened() throws -> [String] {
            guard FileManager.default.fileExists(atPath: ledger) else { return [] }
            return try String(contentsOf: URL(filePath: ledger), encoding: .utf8).split(separator: "\n")
                .map { $0.split(separator: " ").dropFirst().joined(separator: " ") }
        }

        /// Starts the flow as a person does.
        func start(_ data: String, of document: String = "\(FlowTests.examples)/onboard.yaml") async throws -> JobID {
            let started = try await Child.run(["flow", "start", document] + place.options + ["--data", data])
            #expect(started.code == 0, "\(started.error)")
            return JobID(String(started.output.last?.split(separator: "/").last ?? ""))
        }

        func ends(_ id: JobID, as state: SagaRecord.State, _ worker: Child) async throws -> SagaRecord {
            var last: SagaRecord?
            try await eventually(
                "the flow is \(state)",
                within: .seconds(90),
                says: { "\(last, default: "none")\n\(worker.log())" }
            ) {
                last = try await place.queue.saga(id)
                return last?.state == state
            }
            return try #require(last)
        }
    }

    private func withDesk(_ body: (Desk) async throws -> Void) async throws {
        let place = try Place()
        try await withDirectory { folder in try await body(Desk(place: place, folder: folder)) }
    }

    private let ann = #"{"email":"ann@example.org","team":["bob","eve"],"plan":"pro"}"#

    @Test func `a flow whose worker is killed goes on elsewhere, and its steps are called as in the document`()
        async throws
    {
        try await withDesk { desk in
            try Data().write(to: URL(filePath: desk.hold))
            let id = try await desk.start(ann)
            try await Child.run(desk.options, environment: desk.environment) { first in
                try await eventually("the bank has charged", within: .seconds(60), says: first.log) {
                    try desk.happened().contains("charge 990")
                }
                first.send(SIGKILL)
                try await first.exit()
            }
            try FileManager.default.removeItem(atPath: desk.hold)
            try await Child.run(desk.options, environment: desk.environment) { second in
                let record = try await desk.ends(id, as: .done, second)
                #expect(
                    record.steps.map(\.name).sorted() == [
                        "account", "cool-off", "flow", "letter", "mailboxes", "payment",
                    ]
                )
                #expect(record["account"]?.undo == .armed && record["letter"]?.undo == StepRecord.Undo.none)
                second.send(SIGTERM)
                try await second.exit()
            }
            let happened = try desk.happened()
            #expect(happened.first == "open ann@example.org" && happened.last == "letter ann@example.org")
            #expect(happened[1...2].sorted() == ["box bob", "box eve"])
            #expect(happened.count == 5, "each happened once: \(happened)")
            let shown = try await Child.run([
                "saga", "show", "\(desk.place.queue.name)/\(id)", "--redis", desk.place.url,
            ])
            #expect(shown.output.contains { $0.contains("payment") && $0.contains("children") })
        }
    }

    @Test func `a flow that fails undoes what its steps did, newest first, by jobs of their own`() async throws {
        try await withDesk { desk in
            let id = try await desk.start(ann.replacing("\"pro\"", with: "\"pro\",\"cents\":999999"))
            try await Child.run(desk.options, environment: desk.environment) { worker in
                let record = try await desk.ends(id, as: .compensated, worker)
                #expect(record["payment"]?.state == .failed)
                #expect(record["payment"]?.error.contains("card_declined") == true, "\(record)")
                #expect(["account", "mailboxes", "payment"].allSatisfy { record[$0]?.undo == .done })
                #expect(record["letter"] == nil)
                worker.send(SIGTERM)
                try await worker.exit()
            }
            let happened = try desk.happened()
            #expect(happened.first == "open ann@example.org" && happened.last == "close ann@example.org")
            #expect(happened.dropFirst().dropLast().sorted() == ["box bob", "box eve", "unbox bob", "unbox eve"])
            #expect(!happened.contains { $0.hasPrefix("charge") || $0.hasPrefix("refund") })
        }
    }

    @Test func `a flow that has begun goes on with the document that it began with, and another is not begun`()
        async throws
    {
        try await withDesk { desk in
            let file = "\(desk.folder)/flow.yaml"
            let old = """
                flow: two.steps
                steps:
                  first: { kind: pond.echo }
                  ready: { after: first, wait: { signal: go, within: 5m } }
                  old: { after: ready, kind: pond.echo }
                """
            try Data(old.utf8).write(to: URL(filePath: file))
            let options = ["worker"] + desk.place.options + ["--flow", file]
            let id = try await desk.start("{}", of: file)
            try await Child.run(options) { worker in
                _ = try await desk.ends(id, as: .waiting, worker)
                worker.send(SIGTERM)
                try await worker.exit()
            }
            try Data(old.replacing("old:", with: "new:").utf8).write(to: URL(filePath: file))
            let other = try await desk.start("{}", of: "\(desk.folder)/flow.yaml")
            try Data(old.replacing("old:", with: "newer:").utf8).write(to: URL(filePath: file))
            try await Child.run(options) { worker in
                _ = try await desk.place.queue.signal("go", to: id, Array("true".utf8))
                let record = try await desk.ends(id, as: .done, worker)
                #expect(record["old"]?.state == .done && record["newer"] == nil)
                try await eventually("the other is handed back", says: worker.log) {
                    try await desk.place.queue.depth().held == 1
                }
                #expect(try await desk.place.queue.saga(other)?.steps.contains { $0.name == "first" } != true)
                worker.send(SIGTERM)
                try await worker.exit()
            }
        }
    }
}
