import PondBridge
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Programs that keep to the protocol.
@Suite(.redis) struct ExecBridgeTests {
    private static let head = """
        import json, os, sys, time
        def say(**message): print(json.dumps(message), flush=True)

        """

    private func bridge(_ harness: Harness, _ body: String) throws -> ExecBridge {
        try ExecBridge(harness.python(Self.head + body), slots: 4, logger: harness.pond.logger)
    }

    @Test func `one program a slot runs job after job`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            open("\(harness.folder)/starts", "a").write("%d " % os.getpid())
            for line in sys.stdin:
                job = json.loads(line)
                say(type="done", id=job["id"])
            """
        )
        for number in 0..<500 { try await harness.enqueue("\(number)") }
        try await harness.withWorker(bridge, slots: 4) {
            try await harness.eventually { $0.done == 500 }
            #expect((1...4).contains(harness.words("starts").count))
        }
    }

    @Test func `a request holds all that a producer gave, digit by digit`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                open("\(harness.folder)/lines", "a").write(line)
                say(type="done")
            """
        )
        var options = try EnqueueOptions.once("order-1")
        options.correlationID = "intent \"1\"\u{1}é"
        options.headers = ["tenant": "a\nb"]
        try await harness.enqueue("{\"n\":12345678901234567890.10,\n\"t\":\"\\u00e9\"}", options)
        _ = try await harness.queue.enqueue(NewJob(kind: try JobKind("a.b"), data: [0, 255, 10]))
        try await harness.enqueue("")
        try await harness.withWorker(bridge) {
            try await harness.eventually { $0.done == 3 }
            let lines = try ChildRun.output(["/bin/cat", "\(harness.folder)/lines"]).split(separator: "\n")
            try #require(lines.count == 3)
            #expect(lines[0].contains(#""data":{"n":12345678901234567890.10, "t":"\u00e9"}"#))
            #expect(lines[0].contains(#""key":"order-1""#) && lines[0].contains(#""headers":{"tenant":"a\u000ab"}"#))
            #expect(lines[0].contains(#""correlation_id":"intent \"1\"\u0001é""#))
            #expect(lines[0].contains(#""attempt":1,"#) && lines[0].contains(#""deadline_ms":1"#))
            #expect(lines[1].contains(#""data_base64":"AP8K""#) && !lines[1].contains(#""data":"#))
            #expect(lines[2].contains(#""data":null"#))
        }
    }

    @Test func `its answers are the job's outcomes`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                job = json.loads(line)
                if job["data"] == "late" and job["attempt"] == 1: say(type="retry", after_ms=300, error="not yet")
                elif job["data"] == "never": say(type="fail", error="no such user", cause="no_user")
                elif job["data"] == "again": say(type="retry", error="still away")
                else: say(type="done", result={"rows": 7}, keep_ms=60000)
            """
        )
        let late = try await harness.enqueue("\"late\"", try .once("late"))
        try await harness.enqueue("\"never\"")
        let clock = ContinuousClock.now
        try await harness.withWorker(bridge, attempts: 2) {
            try await harness.eventually { $0.done == 1 && $0.dead == 1 }
            #expect(clock.duration(to: .now) > .milliseconds(300))
            try await harness.enqueue("\"again\"")
            try await harness.eventually { $0.dead == 2 }
        }
        let dead = try await harness.queue.dead()
        #expect(Set(dead.map(\.cause)) == ["no_user", "attempts_exhausted"])
        #expect(Set(dead.map(\.error)) == ["no such user", "still away"])
        let record = try #require(try await harness.queue.record(of: try IdempotencyKey("late")))
        #expect(record.id == late && record.state == .done)
        #expect(record.result.map { String(decoding: $0, as: UTF8.self) } == #"{"rows": 7}"#)
    }

    @Test func `it may enqueue children, and hears what became of them`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                job = json.loads(line)
                if job["kind"] == "a.b":
                    say(type="enqueue", kind="child", data={"n": 1}, key="one", ref="r1")
                    first = json.loads(sys.stdin.readline())
                    say(type="enqueue", kind="child", data={"n": 1}, key="one", ref="r2")
                    second = json.loads(sys.stdin.readline())
                    say(type="enqueue", kind="no kind", ref="r3")
                    third = json.loads(sys.stdin.readline())
                    open("\(harness.folder)/answers", "w").write(" ".join(
                        [first["ref"], first["answer"], second["ref"], second["answer"], third["ref"], third["type"]]))
                    say(type="enqueue", kind="late", delay_ms=600000)
                else:
                    open("\(harness.folder)/child", "w").write(job["correlation_id"])
                say(type="done")
            """
        )
        let parent = try await harness.enqueue("{}")
        try await harness.withWorker(bridge) {
            try await harness.eventually { $0.done == 2 && $0.held == 1 }
            #expect(harness.words("answers") == ["r1", "enqueued", "r2", "duplicate", "r3", "refused"])
            #expect(harness.words("child") == [parent.text])
        }
    }

    @Test func `a child job that nobody asks about and that is refused fails the attempt`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                say(type="enqueue", kind="no kind")
                say(type="done")
            """
        )
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let dead = try await harness.queue.dead()
        #expect(dead.first?.error.hasPrefix("handler_child_job_refused: a child job no kind was not enqueued") == true)
    }

    @Test func `it says how far it is and what it spends, and its budget ends it`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                for step in range(100):
                    say(type="progress", progress=step / 100, note="step")
                    say(type="spend", usd=0.4)
                    time.sleep(0.02)
                say(type="done")
            """
        )
        var options = EnqueueOptions()
        options.budget.usd = 1
        try await harness.enqueue("{}", options)
        try await harness.withWorker(bridge, attempts: 3) { try await harness.eventually { $0.dead == 1 } }
        #expect(try await harness.queue.dead().first?.cause == "budget_exhausted:usd")
    }

    @Test func `CPU time is the program's own, not the time that it slept`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                job = json.loads(line)
                end = time.process_time() + job["data"]["burn"]
                while time.process_time() < end: pass
                time.sleep(job["data"]["sleep"])
                say(type="fail", cause="on_purpose")
            """
        )
        let sleeper = try await harness.enqueue(#"{"burn": 0, "sleep": 0.6}"#)
        let burner = try await harness.enqueue(#"{"burn": 0.3, "sleep": 0}"#)
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 2 } }
        func spent(_ id: JobID) async throws -> Int {
            let fields = try await harness.queue.job(id).fields
            let value = fields.first { $0.name.elementsEqual("spent_cpu_ms".utf8) }?.value ?? []
            return Int(String(decoding: value, as: UTF8.self)) ?? -1
        }
        #expect((0...150).contains(try await spent(sleeper)))
        #expect((290...600).contains(try await spent(burner)))
    }

    @Test func `a job whose time is up is told, and may still end well`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                job = json.loads(line)
                note = json.loads(sys.stdin.readline())
                open("\(harness.folder)/note", "w").write(note["type"] + " " + str(note["id"] == job["id"]))
                say(type="done", id=job["id"])
            """
        )
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge, timeout: .milliseconds(300)) {
            try await harness.eventually { $0.done == 1 }
            #expect(harness.words("note") == ["cancel", "True"])
        }
    }

    @Test func `what it writes to standard error is logged with the ids of its job`() async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                print("reading the file", file=sys.stderr, flush=True)
                time.sleep(0.05)
                say(type="done")
            """
        )
        let id = try await harness.enqueue("{}")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.done == 1 } }
        let line = harness.logs.all.first { $0.hasPrefix("reading the file") } ?? ""
        #expect(line.contains("job=\(id)") && line.contains("kind=a.b") && line.contains("stream=stderr"))
    }

    @Test(
        arguments: [
            #"{"type":"done","id":"ID","result":{"s":NaN}}"#, #"{"type":"done","result_base64":"*"}"#,
            #"{"type":"done","id":"ID","result":"LONG"}"#,
        ]
    )
    func `a result that cannot be read does not undo the work`(answer: String) async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                open("\(harness.folder)/effects", "a").write("x ")
                answer = r'''\(answer)'''
                print(answer.replace("ID", json.loads(line)["id"]).replace("LONG", "x" * 3000000), flush=True)
            """
        )
        for key in ["a", "b"] { try await harness.enqueue("{}", try .once(key)) }
        try await harness.withWorker(bridge, attempts: 3) {
            try await harness.eventually { $0.done == 2 || $0.dead > 0 }
        }
        #expect(try await harness.queue.depth().done == 2)
        #expect(harness.words("effects").count == 2)
        #expect(harness.logs.all.count { $0.hasPrefix("the result is not kept") } == 2)
    }

    @Test(
        arguments: [
            (#"{"type":"enqueue","kind":"late","data":NaN}"#, "handler_child_job_refused"),
            ("LONG", "handler_line_too_long"),
            (#"{"type":"enqueue","kind":"late","data":"LARGE"}"#, "handler_child_job_refused"),
            (#"{"type":"enqueue","kind":"late","queue":"No Queue"}"#, "handler_child_job_refused"),
        ]
    )
    func `what each further try would come to is dead at once`(line: String, cause: String) async throws {
        let harness = try Harness()
        let bridge = try bridge(
            harness,
            """
            for line in sys.stdin:
                line = r'''\(line)'''.replace("LONG", "x" * 3000000)
                print(line.replace("LARGE", "x" * 1500000), flush=True)
                say(type="done")
            """
        )
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge, attempts: 3) { try await harness.eventually { $0.dead == 1 } }
        let dead = try #require(try await harness.queue.dead().first)
        #expect(dead.cause == cause && dead.attempts == 1)
        #expect(dead.error.hasPrefix("\(cause): "), "\(dead.error)")
    }

    @Test(arguments: [
        ("cat >/dev/null", "does it flush after each line?"),
        ("read -r line; printf '{'; cat >/dev/null", "has no line end"),
    ])
    func `one whose lines do not come is told to flush`(command: String, text: String) async throws {
        let harness = try Harness()
        let bridge = try ExecBridge(command, slots: 1, logger: harness.pond.logger)
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge, timeout: .milliseconds(300)) {
            try await harness.eventually { $0.dead == 1 }
        }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.hasPrefix("timed out after 300ms; ") && error.contains(text), "\(error)")
    }

    @Test func `one whose answer has no line end is told of it`() async throws {
        let harness = try Harness()
        let bridge = try ExecBridge(
            #"read -r line; printf '{"type":"done"}'"#,
            slots: 1,
            logger: harness.pond.logger
        )
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.contains("exit code 0 before it had answered; its last line has no end: "), "\(error)")
    }

    @Test func `Python writes each line at once`() async throws {
        let harness = try Harness()
        let program = """
            import sys
            for line in sys.stdin: print('{"type":"done"}')
            """
        try harness.write(program, to: "\(harness.folder)/h.py")
        let bridge = try ExecBridge("python3 \(harness.folder)/h.py", slots: 1, logger: harness.pond.logger)
        try await harness.enqueue("{}")
        try await harness.withWorker(bridge, timeout: .seconds(10)) {
            try await harness.eventually { $0.done == 1 || $0.dead == 1 }
        }
        #expect(try await harness.queue.depth().done == 1)
    }
}
