import FoundationEssentials
import PondBridge
import PondCore
import PondQueue
import PondTestKit
import Testing

/// Limits that programs ask for, and what is learned from how they and web services answer.
@Suite(.redis) struct ExecLimitTests {
    private static let examples = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/handlers").path
    private static let hasNode = (try? ChildRun.output(["/usr/bin/env", "node", "--version"]))?.hasPrefix("v") ?? false

    /// Asks twice for a limit, with its place given back, and a cost corrected in between.
    private static let python = """
        import os, sys
        sys.path.insert(0, "\(examples)/python")
        from millpond import Limited, handles, run
        folder = os.path.dirname(os.path.abspath(__file__))

        @handles("a.b")
        def call(job):
            try:
                for _ in range(2):
                    permit = job.limit(job["data"]["name"], cost=2)
                    permit.adjust(actual=1)
                    permit.release()
                    open(folder + "/granted", "a").write("granted ")
            except Limited:
                open(folder + "/limited", "a").write("limited ")
                raise

        run()
        """

    private static func node(_ folder: String) -> String {
        """
        import { appendFileSync } from "node:fs";
        import { Limited, handles, run } from "\(examples)/node/millpond.mjs";
        handles("a.b", async (job) => {
          try {
            for (let turn = 0; turn < 2; turn++) {
              const permit = await job.limit(job.data.name, 2);
              permit.adjust(1);
              permit.release();
              appendFileSync("\(folder)/granted", "granted ");
            }
          } catch (error) {
            if (error instanceof Limited) appendFileSync("\(folder)/limited", "limited ");
            throw error;
          }
        });
        run();
        """
    }

    private func limit(_ harness: Harness, _ spec: String) async throws -> String {
        let name = RedisServer.uniqueName("limit")
        try await harness.pond.limits.set(try LimitName(defined: name), try LimitSpec(spec))
        return name
    }

    private func bridge(_ harness: Harness, _ language: String) throws -> ExecBridge {
        guard language == "node" else {
            return try ExecBridge(harness.python(Self.python), slots: 1, logger: harness.pond.logger)
        }
        try harness.write(Self.node(harness.folder), to: "\(harness.folder)/calls.mjs")
        return try ExecBridge("node \(harness.folder)/calls.mjs", slots: 1, logger: harness.pond.logger)
    }

    @Test(arguments: hasNode ? ["python", "node"] : ["python"])
    func `a program's calls are granted, and one that would wait too long goes on later without a try`(
        language: String
    ) async throws {
        let harness = try Harness()
        let (free, full) = (try await limit(harness, "1 at a time"), try await limit(harness, "1/h burst 2"))
        try await harness.enqueue(#"{"name": "\#(free)"}"#)
        try await harness.withWorker(try bridge(harness, language)) {
            try await harness.eventually { $0.done == 1 }
            #expect(harness.words("granted").count == 2)
            // The first call takes 2 and gives 1 back; the second finds 1 of 2, and the next comes in an hour.
            try await harness.enqueue(#"{"name": "\#(full)"}"#)
            try await harness.eventually { $0.held == 1 && $0.inFlight == 0 }
        }
        #expect(harness.words("granted").count == 3)
        #expect(harness.words("limited") == ["limited"])
        #expect(try await harness.queue.depth().dead == 0)
    }

    @Test func `a limit of no possible name fails the job for good, and says why`() async throws {
        let harness = try Harness()
        try await harness.enqueue(#"{"name": "a b"}"#)
        try await harness.withWorker(try bridge(harness, "python"), attempts: 3) {
            try await harness.eventually { $0.dead == 1 }
        }
        let dead = try await harness.queue.dead()
        #expect(dead.first?.cause == "limit")
        #expect(dead.first?.error.contains("limit name \"a b\" is not allowed") == true)
    }

    @Test func `a program's word when to come again slows the limit of its jobs down, and costs no try`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "100/s")
        let bridge = try ExecBridge(
            harness.python(
                """
                import json, sys, os
                for line in sys.stdin:
                    job, first = json.loads(line), not os.path.exists("\(harness.folder)/seen")
                    open("\(harness.folder)/seen", "a").write("seen ")
                    answer = {"type": "retry", "after_ms": 300, "error": "429"} if first else {"type": "done"}
                    print(json.dumps({**answer, "id": job["id"]}), flush=True)
                """
            ),
            slots: 1,
            logger: harness.pond.logger
        )
        var options = EnqueueOptions()
        options.limit = name
        try await harness.enqueue("{}", options)
        try await harness.withWorker(bridge) { try await harness.eventually { $0.done == 1 } }
        #expect(harness.words("seen").count == 2)
        let shown = try #require(try await harness.pond.limits.show(try LimitName(name)))
        #expect(shown.failed == 1)
        #expect(shown.learned < 1_000)
    }
}
