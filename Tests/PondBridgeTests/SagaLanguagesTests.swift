import PondBridge
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import PondWorker
import Testing

/// The same flow in Swift, in Python and in JavaScript: the same records, and each can be replayed from each step.
@Suite(.redis, .serialized) struct SagaLanguagesTests {
    private static let examples = "\(#filePath)".replacing(
        "/Tests/PondBridgeTests/SagaLanguagesTests.swift",
        with: "/examples/handlers"
    )
    private static let hasNode = (try? ChildRun.output(["/usr/bin/env", "node", "--version"]))?.hasPrefix("v") ?? false

    private struct Account: Codable, Equatable {
        var id: Int
        var name: String
    }

    private struct Input: Encodable {
        var email = "a@b.c"
    }

    private struct Child: JobHandler {
        static let kind = "child"

        func run(_ number: Int, _ job: JobContext) -> Int { number * 2 }
    }

    /// Flows in Swift, and others in a program.
    private struct Both: Bridge {
        let program: ExecBridge?
        let folder: String

        func run(_ job: JobContext) async throws {
            if let program { return try await program.run(job) }
            let account = try await job.step("account", input: Input()) { _ in
                Account(id: 7, name: "ü")
            } undo: { _, _ in
            }
            try await job.step("note", effect: .pure) { _ in }
            try await job.step("note", effect: .query, retries: 1) { step in
                if step.attempt == 1 { throw GaveNothing() }
            }
            do {
                try await job.step("gone") { _ in throw GiveUp("no cover", cause: "no_cover") }
            } catch let error as GiveUp {
                guard error.cause == "no_cover", account.id == 7 else { throw error }
            }
            try await job.sleep("nap", for: .seconds(1))
            let by: String = try await job.signal("approved", within: .seconds(60))
            let paid: Int = try await job.callback("payment", within: .seconds(60)) { [folder] step in
                try Harness.write(step.token, to: "\(folder)/token")
            } undo: { _, _ in
            }
            let doubled = try await job.fanOut("pages", Child.self, over: [1, 2]) { $0 }
            try await job.step("end", pivot: true) { _ in "\(by) \(paid) \(doubled[1])" }
        }

        func close() async { await program?.close() }
    }

    private struct GaveNothing: Error {}

    private static let python = """
        import os, sys
        sys.path.insert(0, "\(examples)/python")
        from millpond import Fail, handles, run
        folder = os.path.dirname(os.path.abspath(__file__))
        def once(step):
            if step.attempt == 1: raise ValueError
        def gone(step): raise Fail("no cover", cause="no_cover")
        def send(step):
            with open(folder + "/token.new", "w") as file: file.write(step.token)
            os.rename(folder + "/token.new", folder + "/token")
        def nothing(result, step): pass
        @handles("flow")
        def flow(job):
            account = job.step("account", lambda step: {"name": "ü", "id": 7}, undo=nothing, input={"email": "a@b.c"})
            job.step("note", lambda step: None, effect="pure")
            job.step("note", once, effect="query", retries=1)
            try: job.step("gone", gone)
            except Fail as error: assert error.more["cause"] == "no_cover" and account["id"] == 7
            job.sleep("nap", 1)
            by = job.signal("approved", within=60)
            paid = job.callback("payment", send, within=60, undo=nothing)
            doubled = job.fan_out("pages", "child", [1, 2])
            job.step("end", lambda step: "%s %d %d" % (by, paid, doubled[1]), pivot=True)
        run()
        """

    private static let node = """
        import { renameSync, writeFileSync } from "node:fs";
        import { Fail, handles, run } from "\(examples)/node/millpond.mjs";
        const folder = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
        const nothing = () => {};
        handles("flow", async (job) => {
          const input = { email: "a@b.c" };
          const account = await job.step("account", () => ({ name: "ü", id: 7 }), { undo: nothing, input });
          await job.step("note", nothing, { effect: "pure" });
          const once = (step) => { if (step.attempt === 1) throw new Error("once"); };
          await job.step("note", once, { effect: "query", retries: 1 });
          try {
            const gone = () => { throw new Fail("no cover", { cause: "no_cover" }); };
            await job.step("gone", gone);
          } catch (error) {
            if (error.more?.cause !== "no_cover" || account.id !== 7) throw error;
          }
          await job.sleep("nap", 1);
          const by = await job.signal("approved", { within: 60 });
          const send = (step) => {
            writeFileSync(`${folder}/token.new`, step.token);
            renameSync(`${folder}/token.new`, `${folder}/token`);
          };
          const paid = await job.callback("payment", send, { within: 60, undo: nothing });
          const doubled = await job.fanOut("pages", "child", [1, 2]);
          await job.step("end", () => `${by} ${paid} ${doubled[1]}`, { pivot: true });
        });
        run();
        """

    private func bridge(_ harness: Harness, _ language: String) throws -> Both {
        var program: ExecBridge?
        if language == "python" {
            program = try ExecBridge(harness.python(Self.python), slots: 2, logger: harness.pond.logger)
        } else if language == "node" {
            try harness.write(Self.node, to: "\(harness.folder)/flow.mjs")
            program = try ExecBridge("node \(harness.folder)/flow.mjs", slots: 2, logger: harness.pond.logger)
        }
        return Both(program: program, folder: harness.folder)
    }

    /// Runs a saga to its end, with the signal and the answer that it waits for.
    private func finish(_ harness: Harness, _ id: JobID, isAnswered: Bool = false) async throws -> SagaRecord {
        var record: SagaRecord?
        var last = ""
        let holds = try await Waiting.until(within: .seconds(30)) {
            record = try await harness.queue.saga(id)
            if record?["payment"]?.state == .waiting, let token = harness.words("token").first, token != last {
                last = token
                _ = try await harness.queue.resolve(token: token, .success(Array("5".utf8)))
            }
            return record?.state == .done
        }
        guard holds, let record else { throw Missed("saga \(id) is \(record.map { "\($0)" } ?? "none")") }
        return record
    }

    /// What does not depend on when it ran.
    private func told(_ record: SagaRecord) -> [String] {
        record.steps.map { step in
            let result = String(decoding: step.result, as: UTF8.self)
            let parts: [Any] = [
                step.sequence, step.kind, step.state, step.attempt, step.effect, step.undo, step.isPivot,
                step.fingerprint, result,
                step.error, step.due == nil,
            ]
            return "\(step.name): " + parts.map { "\($0)" }.joined(separator: " ")
        }
    }

    private func run(_ language: String) async throws -> (first: [String], replays: [[String]]) {
        let harness = try Harness()
        let bridge = try bridge(harness, language)
        let id = try await harness.enqueue("{}", kind: "flow")
        _ = try await harness.queue.signal("approved", to: id, Array("\"ada\"".utf8))
        var first: SagaRecord?
        var replays: [[String]] = []
        try await harness.withWorker(bridge, slots: 2, beside: JobList { JobRegistration(Child()) }) {
            let record = try await finish(harness, id)
            first = record
            for step in record.steps {
                let answer = try await harness.queue.fork(id, from: step.name, keys: .same, because: "a test")
                guard case .enqueued(let copy) = answer else {
                    replays.append(["\(step.name): \(answer)"])
                    continue
                }
                _ = try await harness.queue.signal("approved", to: copy, Array("\"ada\"".utf8))
                replays.append(told(try await finish(harness, copy)))
            }
        }
        return (told(try #require(first)), replays)
    }

    @Test func `the same flow gives the same records in each language, and is replayed from each of its steps`()
        async throws
    {
        let swift = try await run("swift")
        #expect(
            swift.first.map { String($0.prefix { $0 != ":" }) } == [
                "account", "note", "note#2", "gone", "nap", "approved", "payment", "pages", "end",
            ]
        )
        for language in Self.hasNode ? ["python", "node"] : ["python"] {
            let other = try await run(language)
            #expect(other.first == swift.first, "\(language)")
            #expect(other.replays == swift.replays, "\(language)")
        }
    }
}
