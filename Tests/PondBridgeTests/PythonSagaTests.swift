import PondBridge
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import PondWorker
import Testing

/// Sagas that are Python programs, with the helper of the examples.
@Suite(.redis, .serialized) struct PythonSagaTests {
    private static let helper = "\(#filePath)".replacing(
        "/Tests/PondBridgeTests/PythonSagaTests.swift",
        with: "/examples/handlers/python"
    )

    /// A program with one handler of the kind `flow`; `note` writes a word to a file that the test reads.
    private func program(_ harness: Harness, _ body: String) throws -> ExecBridge {
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        let text = """
            import os, signal, sys, time
            sys.path.insert(0, "\(Self.helper)")
            from millpond import Fail, Retry, handles, run
            folder = os.path.dirname(os.path.abspath(__file__))
            def note(*words):
                with open(folder + "/notes", "a") as file: file.write("".join("%s " % word for word in words))
            def die(): os.kill(os.getpid(), signal.SIGKILL)
            def once(name):
                try: os.close(os.open(folder + "/" + name, os.O_CREAT | os.O_EXCL))
                except FileExistsError: return False
                return True
            @handles("flow")
            def flow(job):
            \(lines.joined(separator: "\n"))
            note("pid:%d" % os.getpid())
            run()
            """
        return try ExecBridge(harness.python(text), slots: 2, logger: harness.pond.logger)
    }

    /// What was noted, but for the starts of programs.
    private func notes(_ harness: Harness) -> [String] { harness.words("notes").filter { !$0.hasPrefix("pid:") } }

    private func starts(_ harness: Harness) -> Int { harness.words("notes").count { $0.hasPrefix("pid:") } }

    private func ended(_ harness: Harness, _ id: JobID, as state: SagaRecord.State) async throws -> SagaRecord {
        var last: SagaRecord?
        let holds = try await Waiting.until(within: .seconds(30)) {
            last = try await harness.queue.saga(id)
            return last?.state == state
        }
        guard holds, let last else { throw Missed("saga \(id) is \(last.map { "\($0)" } ?? "none")") }
        return last
    }

    /// Runs a saga to an end.
    private func run(
        _ body: String,
        as state: SagaRecord.State,
        attempts: Int = 5
    ) async throws -> (record: SagaRecord, harness: Harness, id: JobID) {
        let harness = try Harness()
        let bridge = try program(harness, body)
        let id = try await harness.enqueue("{}", kind: "flow")
        var record: SagaRecord?
        try await harness.withWorker(bridge, attempts: attempts) { record = try await ended(harness, id, as: state) }
        return (try #require(record), harness, id)
    }

    @Test func `a step is done once, and its result is found again after a wait in the same program`() async throws {
        let (record, harness, id) = try await run(
            """
            account = job.step("account", lambda step: note("account", step.key, step.attempt) or {"b": 1, "a": "ü/"})
            job.sleep("nap", 1.1)
            job.step("letter", lambda step: note("letter", account["a"]))
            job.step("letter", lambda step: note("second", step.name))
            """,
            as: .done
        )
        #expect(notes(harness) == ["account", "\(id):account", "1", "letter", "ü/", "second", "letter#2"])
        #expect(starts(harness) == 1)
        #expect(record.steps.map(\.name) == ["account", "nap", "letter", "letter#2"])
        #expect(record["account"].map { String(decoding: $0.result, as: UTF8.self) } == #"{"a":"ü/","b":1}"#)
        #expect(record["letter"]?.result == [])
    }

    @Test func `a program that dies in the middle of a step runs it again with the same key, and nothing before it`()
        async throws
    {
        let (record, harness, id) = try await run(
            """
            job.step("a", lambda step: note("a"))
            def b(step):
                note(step.key, step.attempt)
                if step.attempt == 1: die()
            job.step("b", b)
            """,
            as: .done
        )
        #expect(notes(harness) == ["a", "\(id):b", "1", "\(id):b", "2"])
        #expect(record["b"]?.attempt == 2 && starts(harness) == 2)
    }

    @Test func `a program that dies in the middle of a step that may run once leaves it to a person`() async throws {
        let (record, harness, _) = try await run(
            """
            def mail(step):
                note("mail")
                die()
            job.step("mail", mail, effect="once")
            """,
            as: .paused
        )
        #expect(record.reason == "step_unknown: mail" && record["mail"]?.state == .unknown)
        #expect(notes(harness) == ["mail"])
    }

    @Test func `what was done is undone newest first, each with its result and a key of its own`() async throws {
        let (record, harness, id) = try await run(
            """
            def undo(result, step): note(result, step.key)
            job.step("a", lambda step: "A", undo=undo)
            job.step("b", lambda step: "B", undo_always=undo)
            job.step("c", lambda step: "C")
            raise Fail("no more", cause="enough")
            """,
            as: .compensated
        )
        #expect(notes(harness) == ["B", "\(id):b:undo", "A", "\(id):a:undo"])
        #expect(record.steps.map(\.undo) == [.done, .done, .none])
        #expect(record.reason == "enough: no more")
    }

    @Test func `a step that gives up is remembered so, and every run catches the same`() async throws {
        let (record, harness, _) = try await run(
            """
            class Mine(Fail): pass
            def charge(step): raise Mine("no cover", cause="no_cover")
            try: job.step("charge", charge, undo=lambda result, step: note("never"))
            except Fail as error: note(type(error).__name__, error, error.more["cause"])
            job.sleep("nap", 1.1)
            """,
            as: .done
        )
        #expect(notes(harness) == Array(repeating: ["Fail", "no", "cover", "no_cover"], count: 2).flatMap(\.self))
        #expect(record["charge"]?.state == .failed && record["charge"]?.undo == .skipped)
    }

    @Test func `what a step raises fails the job's try, and tries of its own do not count`() async throws {
        let (record, harness, _) = try await run(
            """
            def flaky(step):
                note(step.name, step.attempt, job["attempt"])
                if step.attempt < 3: raise ValueError("not yet")
            job.step("own", flaky, retries=2)
            try: job.step("jobs", flaky)
            except ValueError as error: raise
            """,
            as: .done
        )
        #expect(notes(harness).joined(separator: " ") == "own 1 1 own 2 1 own 3 1 jobs 1 1 jobs 2 2 jobs 3 3")
        #expect(record["own"]?.attempt == 3)
    }

    @Test func `an undo that fails is tried again, and one that gives up leaves the saga stuck`() async throws {
        let (record, harness, id) = try await run(
            """
            def undo(result, step):
                note(step.attempt)
                raise Fail("the account is closed", cause="closed")
            job.step("a", lambda step: 1, undo=undo)
            raise Fail("no more")
            """,
            as: .stuck
        )
        #expect(notes(harness) == ["1"] && record["a"]?.undo == .stuck)
        let dead = try #require(try await harness.queue.dead().first { $0.id == id })
        #expect(dead.cause == "saga_stuck" && dead.error.contains("the account is closed"), "\(dead)")
    }

    @Test func `a step that may have happened is undone without a result, or as its probe says`() async throws {
        let (record, harness, _) = try await run(
            """
            def charge(step):
                note("charge", step.attempt)
                die()
            def undo(result, step): note("undo", result)
            job.step("known", charge, undo=undo, probe=lambda step: note("probe") or {"id": 7})
            """,
            as: .compensated,
            attempts: 1
        )
        #expect(notes(harness).joined(separator: " ") == "charge 1 probe undo {'id': 7}")
        #expect(record["known"]?.undo == .done)
        let other = try await run(
            """
            def charge(step):
                note("charge")
                die()
            job.step("maybe", charge, undo_always=lambda result, step: note("undo", result))
            """,
            as: .compensated,
            attempts: 1
        )
        #expect(notes(other.harness) == ["charge", "undo", "None"])
    }

    @Test(arguments: ["early", "late"]) func `an answer to a callback is had early and late`(when: String) async throws
    {
        let harness = try Harness()
        let bridge = try program(
            harness,
            """
            def send(step):
                with open(folder + "/token", "w") as file: file.write(step.token)
                note("sent")
                while "\(when)" == "early" and not os.path.exists(folder + "/answered"): time.sleep(0.01)
            note("paid", job.callback("payment", send, within=60)["cents"])
            """
        )
        let id = try await harness.enqueue("{}", kind: "flow")
        try await harness.withWorker(bridge) {
            try await harness.eventually("token", words: 1)
            if when == "late" { _ = try await ended(harness, id, as: .waiting) }
            let token = try #require(harness.words("token").first)
            let answer = try await harness.queue.resolve(token: token, .success(Array(#"{"cents":990}"#.utf8)))
            #expect(answer == .resolved)
            try harness.write("", to: "\(harness.folder)/answered")
            _ = try await ended(harness, id, as: .done)
        }
        #expect(notes(harness) == ["sent", "paid", "990"])
        #expect(starts(harness) == 1)
    }

    @Test func `a step that takes too long fails, and its program is replaced`() async throws {
        let (record, harness, _) = try await run(
            """
            def slow(step):
                note(step.attempt)
                if step.attempt == 1: time.sleep(600)
            job.step("slow", slow, timeout=0.2, retries=1)
            note(job["attempt"])
            """,
            as: .done
        )
        #expect(notes(harness) == ["1", "2", "1"])
        #expect(record["slow"]?.attempt == 2 && starts(harness) == 2)
    }

    @Test func `a result that is no JSON or too large fails its step for good, and what it did is undone`() async throws
    {
        for result in ["float('nan')", "'x' * 70_000"] {
            let (record, harness, _) = try await run(
                """
                job.step("a", lambda step: \(result), undo_always=lambda result, step: note("undone", result))
                """,
                as: .compensated
            )
            #expect(notes(harness) == ["undone", "None"])
            #expect(record["a"]?.error.hasPrefix("result: step a is done, but not its result") == true)
        }
    }

    @Test func `a saga whose handler swallows what unwinds it fails, and the error says so`() async throws {
        let harness = try Harness()
        let bridge = try program(
            harness,
            """
            try: job.sleep("nap", 60)
            except BaseException: pass
            """
        )
        try await harness.enqueue("{}", kind: "flow")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.hasPrefix("the handler went on though its saga waits"), "\(error)")
    }

    @Test func `what children did is undone by their parent, with their results`() async throws {
        let harness = try Harness()
        let bridge = try program(
            harness,
            """
            job.step("a", lambda step: 1, undo=lambda result, step: note("a"))
            job.fan_out("pages", "child", [1, 2], undo=lambda results, step: note(results, step.key))
            raise Fail("no more")
            """
        )
        let id = try await harness.enqueue("{}", kind: "flow")
        let child = JobRegistration(kind: "child") { job in try job.leave(result: job.job.data + Array("0".utf8)) }
        try await harness.withWorker(bridge, beside: JobList([child])) {
            _ = try await ended(harness, id, as: .compensated)
        }
        #expect(notes(harness).joined(separator: " ") == "[10, 20] \(id):pages:undo a")
    }

    @Test func `a signal is had, and one that does not come in time is a failure`() async throws {
        let harness = try Harness()
        let bridge = try program(
            harness,
            """
            note(job.signal("approved")["by"])
            try: job.signal("never", within=0.05)
            except Fail as error: note(error.more["cause"])
            """
        )
        let id = try await harness.enqueue("{}", kind: "flow")
        try await harness.withWorker(bridge) {
            _ = try await ended(harness, id, as: .waiting)
            _ = try await harness.queue.signal("approved", to: id, Array(#"{"by":"ada"}"#.utf8))
            _ = try await ended(harness, id, as: .done)
        }
        #expect(notes(harness) == ["ada", "ada", "timed_out"])
    }
}
