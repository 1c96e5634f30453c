import PondBridge
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import PondWorker
import Testing

/// The lines of a saga between a worker and a program, and what becomes of a program that breaks their order.
@Suite(.redis, .serialized) struct ExecSagaTests {
    /// Reads lines and writes lines, without any helper: `say` one, `hear` one.
    private func bridge(_ harness: Harness, _ body: String) throws -> ExecBridge {
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        let text = """
            import json, os, sys
            folder = os.path.dirname(os.path.abspath(__file__))
            def say(**message): print(json.dumps({"id": job["id"], **message}), flush=True)
            def hear():
                line = sys.stdin.readline()
                with open(folder + "/heard", "a") as file: file.write(line)
                return json.loads(line)
            def note(word):
                with open(folder + "/notes", "a") as file: file.write(word + " ")
            for line in sys.stdin:
                job = json.loads(line)
                if job["type"] != "job": continue
            \(lines.joined(separator: "\n"))
            """
        return try ExecBridge(harness.python(text), slots: 2, logger: harness.pond.logger)
    }

    /// What the program heard in a run, a line each, without the job's id.
    private func heard(_ harness: Harness, _ id: JobID) throws -> [String] {
        try ChildRun.output(["/bin/cat", "\(harness.folder)/heard"]).split(separator: "\n").map {
            String($0).replacing(",\"id\":\"\(id)\"", with: "").replacing("\(id)", with: "ID")
        }
    }

    @Test func `each message has its answer`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            say(type="step", name="a", effect="pure")
            if hear()["type"] == "go":
                say(type="heartbeat", progress=0.5)
                say(type="step_done", name="a", result={"n": 1})
                hear()
            say(type="step", name="a", retries=1)
            if hear()["type"] == "go":
                say(type="step_failed", name="a#2", error="busy")
                hear()
                say(type="step_done")
                hear()
            say(type="step", name="gone", undo="result")
            if hear()["type"] == "go":
                say(type="step_failed", name="gone", error="no such user", cause="no_user")
                hear()
            say(type="step", name="x" * 121)
            hear()
            say(type="callback", name="ask", within_ms=60000)
            if hear()["type"] == "go":
                say(type="step_done", name="ask")
                hear()
                say(type="suspended")
                continue
            say(type="signal", name="more", within_ms=1)
            if hear()["type"] == "suspended":
                say(type="suspended")
                continue
            say(type="done")
            """
        )
        let id = try await harness.enqueue("{}")
        try await harness.withWorker(bridge) {
            let isWaiting = try await Waiting.until(within: .seconds(20)) {
                try await harness.queue.depth().waiting == 1
            }
            try #require(isWaiting)
            let go = try heard(harness, id).last { $0.contains("\"token\"") } ?? ""
            let token = try #require(go.firstMatch(of: /"token":"([^"]+)"/)).1
            _ = try await harness.queue.resolve(token: String(token), .success(Array("not json".utf8)))
            try await harness.eventually { $0.done == 1 }
        }
        let lines = try heard(harness, id)
        #expect(
            Array(lines.prefix(8)) == [
                #"{"type":"go","name":"a","key":"ID:a","attempt":1}"#,
                #"{"type":"stepped","name":"a","result":{"n": 1}}"#,
                #"{"type":"go","name":"a#2","key":"ID:a#2","attempt":1}"#,
                #"{"type":"go","name":"a#2","key":"ID:a#2","attempt":2}"#,
                #"{"type":"stepped","name":"a#2"}"#,
                #"{"type":"go","name":"gone","key":"ID:gone","attempt":1}"#,
                #"{"type":"failed","name":"gone","error":"no such user","cause":"no_user"}"#,
                #"{"type":"failed","name":"\#(String(repeating: "x", count: 121))","error":"a step's name has 1 to 120 bytes, \"\#(String(repeating: "x", count: 40))\" has 121","cause":"saga_step"}"#,
            ]
        )
        #expect(lines.dropFirst(9).first == #"{"type":"suspended","name":"ask"}"#)
        #expect(lines.contains(#"{"type":"stepped","name":"ask","result_base64":"bm90IGpzb24="}"#))
        #expect(lines.last == #"{"type":"failed","name":"more","error":"timed out","cause":"timed_out"}"#)
    }

    @Test func `a step's failure is the job's to try again, and the step alone runs again`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            say(type="step", name="a")
            go = hear()
            if go["attempt"] == 1:
                say(type="step_failed", name="a", error="busy")
                hear()
                say(type="retry", error="busy")
            else:
                say(type="step_done", name="a")
                hear()
                say(type="done")
            """
        )
        let id = try await harness.enqueue("{}")
        try await harness.withWorker(bridge, attempts: 2) { try await harness.eventually { $0.done == 1 } }
        #expect(try heard(harness, id)[1] == #"{"type":"again","name":"a","error":"busy"}"#)
    }

    @Test func `undoing is asked for step by step, and ends before the next job`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            if job["data"] == "next":
                say(type="done")
                continue
            for name in ("a", "b"):
                say(type="step", name=name, undo="always")
                if hear()["type"] == "go":
                    say(type="step_done", name=name, result=name)
                    hear()
            say(type="fail", error="no more", cause="enough")
            if job.get("phase") == "undo":
                tries = 0
                while hear()["type"] == "undo":
                    tries += 1
                    say(type="undo_done")
            """
        )
        let id = try await harness.enqueue("{}")
        try await harness.withWorker(bridge) {
            let isUndone = try await Waiting.until(within: .seconds(20)) {
                try await harness.queue.saga(id)?.state == .compensated
            }
            #expect(isUndone)
            try await harness.enqueue("\"next\"")
            try await harness.eventually { $0.done == 1 }
        }
        #expect(
            try heard(harness, id).suffix(3) == [
                #"{"type":"undo","name":"b","key":"ID:b:undo","attempt":1,"result":"b"}"#,
                #"{"type":"undo","name":"a","key":"ID:a:undo","attempt":1,"result":"a"}"#,
                #"{"type":"undone"}"#,
            ]
        )
    }

    @Test(
        arguments: [
            (
                #"say(type="step_done", name="a")"#, "handler_out_of_turn",
                "it wrote step_done, and nothing of that kind runs"
            ),
            (
                #"say(type="step", name="a"); hear(); say(type="step", name="b")"#, "handler_out_of_turn",
                "it began the step b in the middle of a: a program's steps go one after the other"
            ),
            (
                #"say(type="step", name="a"); hear(); say(type="done")"#, "handler_out_of_turn",
                "it ended its job in the middle of a"
            ),
            (
                #"say(type="step", name="a"); hear(); say(type="step_done", name="b")"#, "handler_out_of_turn",
                "it wrote step_done of b while a ran"
            ),
            (
                #"say(type="step", name="a"); hear(); say(type="undo_done")"#, "handler_out_of_turn",
                "it wrote undo_done where go of a ends with step_done or step_failed"
            ),
            (#"say(type="suspended")"#, "handler_out_of_turn", "it said that it is suspended, and was not told so"),
            (#"say(type="approve", name="a")"#, "handler_garbage", #"its type "approve" is unknown"#),
            (#"say(type="step")"#, "handler_garbage", "it has no name"),
            (#"say(type="step", name="a", effect="twice")"#, "handler_garbage", "none of pure, keyed, query and once"),
            (#"say(type="step", name="a", retries=1001)"#, "handler_garbage", "no whole number from 0 to 1000"),
            (#"say(type="step", name="a", pivot=1)"#, "handler_garbage", "pivot is neither true nor false"),
            (#"say(type="fan_out", name="a", kind="k", items={})"#, "handler_garbage", "its items are no list"),
            (#"say(type="sleep", name="a", ms=-1)"#, "handler_garbage", "ms is negative"),
            (#"say(type="step", name="a", input=float("nan"))"#, "handler_garbage", "no message"),
            (
                #"say(type="step", name="a"); hear(); print('{"type":"step_done","result":{}', flush=True)"#,
                "handler_garbage", "no JSON object"
            ),
        ]
    ) func `a program that breaks the order is ended, and its job says how`(
        program: String,
        cause: String,
        text: String
    ) async throws {
        let harness = try Harness()
        let bridge = try bridge(harness, "\(program)\nsys.stdin.read()")
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.hasPrefix("\(cause): ") && error.contains(text), "\(error)")
    }

    @Test func `a result that has NaN in it is a step that is done without one`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            say(type="step", name="a")
            hear()
            say(type="step_done", name="a", result=float("nan"))
            said = hear()
            say(type="fail", error=said["error"], cause=said["cause"])
            """
        )
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let dead = try #require(try await harness.queue.dead().first)
        #expect(dead.cause == "result" && dead.error.contains("NaN and Infinity are no numbers"), "\(dead)")
    }

    @Test func `children are joined in order, whatever kind of bytes they are`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            if job["kind"] == "child":
                if job["data"] == 3: say(type="fail", error="odd", cause="odd")
                else: say(type="done", result={"twice": job["data"] * 2} if job["data"] else None)
                continue
            for name, more in (("all", {"items": [1, 0, 2], "limit": 2}), ("some", {"items": [3, 4], "at_least": 0}),
                               ("none", {"items": []}), ("bad", {"items": [3]})):
                say(type="fan_out", name=name, kind="child", **more)
                said = hear()
                if said["type"] == "suspended":
                    say(type="suspended")
                    break
            else: say(type="done")
            """
        )
        let id = try await harness.enqueue("{}")
        try await harness.withWorker(bridge, slots: 2) {
            let isDone = try await Waiting.until(within: .seconds(20)) {
                try await harness.queue.saga(id)?.state == .done
            }
            #expect(isDone)
        }
        let lines = try heard(harness, id)
        #expect(lines.contains(#"{"type":"stepped","name":"all","result":[{"twice": 2},null,{"twice": 4}]}"#))
        #expect(lines.contains(#"{"type":"stepped","name":"some","result":[null,{"twice": 8}]}"#))
        #expect(lines.contains(#"{"type":"stepped","name":"none","result":[]}"#))
        #expect(lines.last?.hasPrefix(#"{"type":"failed","name":"bad""#) == true, "\(lines.last ?? "")")
    }
}
