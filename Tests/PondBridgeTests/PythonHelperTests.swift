import FoundationEssentials
import PondBridge
import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Testing

/// Handlers with the helper of examples/handlers/python.
@Suite(.redis) struct PythonHelperTests {
    private static let helper = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/handlers/python").path

    private static let program = """
        import datetime, decimal, os, sys
        sys.path.insert(0, "\(helper)")
        from millpond import Fail, Result, handles, run
        folder = os.path.dirname(os.path.abspath(__file__))
        results = {
            "nan": lambda: {"s": float("nan")}, "inf": lambda: [float("inf")], "decimal": lambda: decimal.Decimal(1),
            "date": lambda: {"at": datetime.date(2026, 1, 1)}, "bytes": lambda: b"x", "large": lambda: "x" * 3000000,
        }

        @handles("result", attempts=3)
        def result(job):
            open(folder + "/effects", "a").write(job["data"] + " ")
            return results[job["data"]]()

        @handles("kept")
        def kept(job): return Result({"rows": 7}, keep_ms=60000)

        @handles("child", attempts=3, timeout_ms=5000)
        def child(job):
            open(folder + "/effects", "a").write("child ")
            job.heartbeat(float("nan"), "on")
            job.enqueue("later", {"n": float("nan")})

        @handles("raises")
        def raises(job): job["data"]["nothing"]

        run()
        """

    private func harness() throws -> (Harness, ExecBridge) {
        let harness = try Harness()
        return (harness, try ExecBridge(harness.python(Self.program), slots: 2, logger: harness.pond.logger))
    }

    @Test(arguments: ["nan", "inf", "decimal", "date", "bytes", "large"])
    func `a result that is no JSON is dropped, and its job is done once`(result: String) async throws {
        let (harness, bridge) = try harness()
        try await harness.enqueue("\"\(result)\"", try .once("a"), kind: "result")
        try await harness.withWorker(bridge, attempts: 3) {
            try await harness.eventually { $0.done == 1 || $0.dead == 1 }
        }
        #expect(try await harness.queue.depth().done == 1)
        #expect(harness.words("effects") == [result])
        #expect(harness.logs.all.contains { $0.hasPrefix("the result is not kept") })
    }

    @Test func `a result is kept for the time that it says`() async throws {
        let (harness, bridge) = try harness()
        try await harness.enqueue("{}", try .once("a"), kind: "kept")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.done == 1 } }
        let record = try #require(try await harness.queue.record(of: try IdempotencyKey("a")))
        #expect(record.result.map { String(decoding: $0, as: UTF8.self) } == #"{"rows": 7}"#)
    }

    @Test(
        arguments: [
            ("child", "{}", "not_json", "a child job later is no JSON"),
            ("raises", "NaN", "undecodable_payload", "data_base64"),
            ("raises", "[\(String(repeating: "9", count: 5_000))]", "undecodable_payload", "Python cannot read"),
            ("nobody", "{}", "unknown_kind", "no handler for nobody"),
        ]
    )
    func `what each further try would come to again is dead at once`(
        kind: String,
        data: String,
        cause: String,
        text: String
    ) async throws {
        let (harness, bridge) = try harness()
        try await harness.enqueue(data, kind: kind)
        try await harness.withWorker(bridge, attempts: 3) { try await harness.eventually { $0.dead == 1 } }
        let dead = try #require(try await harness.queue.dead().first)
        #expect(dead.cause == cause && dead.attempts == 1, "\(dead)")
        #expect(dead.error.contains(text), "\(dead.error)")
        #expect(harness.words("effects") == (kind == "child" ? ["child"] : []))
    }

    @Test func `a traceback stays with its job, and is logged with its id before the end`() async throws {
        let (harness, bridge) = try harness()
        let id = try await harness.enqueue("{}", kind: "raises")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.hasPrefix("KeyError: 'nothing'\nTraceback"), "\(error)")
        #expect(error.contains("handler.py") && error.hasSuffix("KeyError: 'nothing'"), "\(error)")
        let lines = harness.logs.all
        let trace = try #require(lines.firstIndex { $0.contains("handler.py") && $0.contains("job=\(id)") })
        #expect(trace < (lines.firstIndex { $0.hasPrefix("job is dead") } ?? 0))
    }

    @Test func `it announces its kinds, and has its limits`() async throws {
        let (_, bridge) = try harness()
        let kinds = try await bridge.announcedKinds()
        #expect(kinds?.map(\.kind) == ["result", "kept", "child", "raises"])
        #expect(kinds?[2] == AnnouncedKind("child", attempts: 3, timeout: .seconds(5)))
        await bridge.close()
    }

    @Test(arguments: [
        "cat", "while read -r line; do :; done; exit 1", "read -r line || { echo '{\"type\":\"fail\"}'; exit 3; }",
    ])
    func `a program that waits for jobs and does not know the question has every kind`(command: String) async throws {
        let bridge = try ExecBridge(command, slots: 1, logger: try Harness().pond.logger)
        #expect(try await bridge.announcedKinds() == nil)
        await bridge.close()
    }

    @Test(arguments: [
        ("/no/such/program", "exit code 127"), ("python3 /no/such/handlers.py", "exit code 2"),
        ("python3 -c 'import nothing_here'", "No module named 'nothing_here'"),
        ("true", "does its last line run it"), ("kill -9 $$", "signal 9"),
    ])
    func `a program that ends before it has a job cannot start`(command: String, text: String) async throws {
        let harness = try Harness()
        let bridge = try ExecBridge(command, slots: 1, logger: harness.pond.logger)
        let failure = await #expect(throws: BridgeFailure.self) { try await bridge.announcedKinds() }
        #expect(failure?.text.contains(text) == true, "\(String(describing: failure))")
        #expect(harness.logs.all.count { $0.contains("Traceback") } <= 1)
        await bridge.close()
    }

    @Test func `a second handler of a kind is an error that names the first`() async throws {
        let harness = try Harness()
        let program = """
            import sys
            sys.path.insert(0, "\(Self.helper)")
            from millpond import handles
            @handles("a.b")
            def one(job): pass
            @handles("a.b")
            def two(job): pass
            """
        let bridge = try ExecBridge(harness.python(program), slots: 1, logger: harness.pond.logger)
        try await harness.enqueue("1")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.contains("ValueError: the kind a.b has a handler already, one; one kind has one"), "\(error)")
    }
}
