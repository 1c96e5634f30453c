import Glibc
import PondBridge
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Programs that break every rule: the attempt fails under a named cause, the slot lives, nothing is left over.
@Suite(.redis, .serialized) struct ExecAbuseTests {
    /// What the program does is what the job's payload says; `good` jobs are answered well.
    private static let program = """
        import json, os, signal, sys, time
        folder = os.path.dirname(os.path.abspath(__file__))
        def say(**message): print(json.dumps(message), flush=True)
        def note(pid): open(folder + "/pids", "a").write("%d " % pid)
        def child():
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
            note(pid)
        note(os.getpid())
        for line in sys.stdin:
            job = json.loads(line)
            mode = job["data"]
            if mode == "good": say(type="done", id=job["id"])
            if mode == "garbage": print("hello \\x1b[31m world", flush=True)
            if mode == "list": print("[1, 2]", flush=True)
            if mode == "half":
                sys.stdout.write('{"type": "do'); sys.stdout.flush(); os._exit(0)
            if mode == "huge":
                for _ in range(1600): sys.stdout.write("x" * 65536)
                sys.stdout.flush(); say(type="done")
            if mode == "dies": print("out of ideas", file=sys.stderr, flush=True); os._exit(3)
            if mode == "killed": os.kill(os.getpid(), signal.SIGKILL)
            if mode == "hangs": time.sleep(600)
            if mode == "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                while True: time.sleep(600)
            if mode == "forks": child(); os._exit(0)
            if mode == "flees":
                pid = os.fork()
                if pid == 0:
                    os.setsid()
                    note(os.getpid())
                    time.sleep(600)
                time.sleep(0.2)
                os._exit(0)
            if mode == "closes": os.close(1); time.sleep(600)
            if mode == "floods":
                for number in range(200000): print("line %d %s" % (number, "y" * 80), file=sys.stderr)
                say(type="done", id=job["id"])
            if mode == "twice": print('{"type":"done"}\\n{"type":"done"}', flush=True)
            if mode == "late": say(type="done", id="1-1")
            if mode == "deaf":
                os.close(0); time.sleep(600)
            if mode == "asks":
                for number in range(20000):
                    print('{"type":"enqueue","id":"%s","kind":"no kind","ref":"%s"}' % (job["id"], "r" * 200), flush=True)
            if mode == "type": say(type="dance")
            if mode == "name": print('{"type":"done","type":"done"}', flush=True)
        """

    private func harness() throws -> (Harness, ExecBridge) {
        let harness = try Harness()
        return (harness, try ExecBridge(harness.python(Self.program), slots: 4, logger: harness.pond.logger))
    }

    @Test(
        arguments: [
            ("garbage", "handler_garbage"), ("list", "handler_garbage"), ("half", "handler_died"),
            ("huge", "handler_line_too_long"), ("dies", "handler_died"), ("killed", "handler_died"),
            ("hangs", "timed out"), ("stubborn", "timed out"), ("forks", "handler_died"), ("flees", "handler_died"),
            ("closes", "handler_closed_output"), ("twice", "handler_unasked_answer"),
            ("late", "handler_unasked_answer"),
            ("deaf", "timed out"), ("asks", "handler_does_not_read"), ("type", "handler_garbage"),
            ("name", "handler_garbage"),
        ]
    )
    func `the attempt fails under its cause, and the slot takes the next job`(mode: String, cause: String) async throws
    {
        let (harness, bridge) = try harness()
        try await harness.withWorker(bridge, timeout: .milliseconds(1_500)) {
            try await harness.enqueue("\"good\"")
            try await harness.eventually { $0.done == 1 }
            try await harness.enqueue("\"\(mode)\"")
            try await harness.eventually { $0.dead == 1 }
            let error = try #require(try await harness.queue.dead().first).error
            #expect(error.hasPrefix(cause), "\(error)")
            try await harness.enqueue("\"good\"")
            try await harness.eventually { $0.done == 2 }
            let pids = harness.words("pids").compactMap { Int32($0) }
            // The program that is in use now, and no other.
            #expect(pids.filter(ChildRun.isAlive).count == 1, "\(pids)")
        }
        #expect(harness.words("pids").compactMap { Int32($0) }.filter(ChildRun.isAlive).isEmpty)
    }

    @Test func `a death is told with the exit code and the last words`() async throws {
        let (harness, bridge) = try harness()
        try await harness.enqueue("\"dies\"")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.contains("exit code 3") && error.hasSuffix("standard error is: out of ideas"), "\(error)")
    }

    @Test func `a line of a hundred megabytes takes no memory`() async throws {
        let (harness, bridge) = try harness()
        let before = ChildRun.residentMegabytes
        try await harness.enqueue("\"huge\"")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        #expect(ChildRun.residentMegabytes - before < 50)
    }

    @Test func `a flood on standard error is cut, and the job ends well`() async throws {
        let (harness, bridge) = try harness()
        try await harness.enqueue("\"floods\"")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.done == 1 } }
        let lines = harness.logs.all.filter { $0.hasPrefix("line ") }
        #expect((1...5_000).contains(lines.count))
        #expect(harness.logs.all.contains { $0.hasPrefix("the handler floods its standard error") })
    }

    @Test func `a program that cannot be started fails its jobs with the shell's words`() async throws {
        let harness = try Harness()
        let bridge = try ExecBridge("no-such-program-anywhere", slots: 4, logger: harness.pond.logger)
        try await harness.enqueue("1")
        try await harness.withWorker(bridge) { try await harness.eventually { $0.dead == 1 } }
        let error = try #require(try await harness.queue.dead().first).error
        #expect(error.contains("exit code 127") && error.contains("not found"), "\(error)")
    }

    @Test func `a program that keeps dying is started later and later`() async throws {
        let harness = try Harness()
        let bridge = try ExecBridge("echo start >> \(harness.folder)/starts", slots: 4, logger: harness.pond.logger)
        for _ in 0..<50 { try await harness.enqueue("1") }
        try await harness.withWorker(bridge) {
            // How often it starts shows in time only.
            try await Task.sleep(for: .seconds(2))
            // 0, 0.2, 0.6, 1.4 seconds, and a little for the jitter.
            #expect((2...6).contains(harness.words("starts").count))
            _ = try await harness.redis.send(RedisCommand("DEL", .text(harness.queue.keys.stream(.normal))))
        }
    }

    @Test func `a job's time does not run while its program waits to be started again`() async throws {
        let harness = try Harness()
        let given = "\(harness.folder)/given"
        let bridge = try ExecBridge("read -r line; echo x >> \(given); exit 3", slots: 1, logger: harness.pond.logger)
        for _ in 0..<5 { try await harness.enqueue("1") }
        // The last one waits for 1.28 s at least.
        try await harness.withWorker(bridge, timeout: .seconds(1)) { try await harness.eventually { $0.dead == 5 } }
        #expect(harness.words("given").count == 5)
    }

    @Test func `a heartbeat that comes late harms nobody`() async throws {
        let harness = try Harness()
        let program = """
            import json, sys, time
            open("\(harness.folder)/starts", "a").write("x ")
            last = None
            for line in sys.stdin:
                job = json.loads(line)
                if last: print('{"type":"heartbeat","id":"%s"}' % last, flush=True)
                last = job["id"]
                print('{"type":"heartbeat"}', flush=True)
                print('{"type":"done","id":"%s"}' % job["id"], flush=True)
                time.sleep(0.1)
                print('{"type":"heartbeat","id":"%s"}' % job["id"], flush=True)
            """
        let bridge = try ExecBridge(harness.python(program), slots: 4, logger: harness.pond.logger)
        try await harness.withWorker(bridge) {
            for number in 1...3 {
                try await harness.enqueue("1")
                try await harness.eventually { $0.done == number }
                // The program says its last line after a tenth of a second, and nothing tells that it was read.
                try await Task.sleep(for: .milliseconds(300))
            }
            #expect(harness.words("starts").count == 1)
        }
    }

    @Test func `an idle program that writes is replaced before the next job`() async throws {
        let harness = try Harness()
        let program = """
            import sys, time, threading
            open("\(harness.folder)/starts", "a").write("x ")
            for line in sys.stdin:
                print('{"type":"done"}', flush=True)
                time.sleep(0.7)
                print('{"type":"done"}', flush=True)
            """
        let bridge = try ExecBridge(harness.python(program), slots: 4, logger: harness.pond.logger)
        try await harness.withWorker(bridge) {
            for number in 1...2 {
                try await harness.enqueue("1")
                try await harness.eventually { $0.done == number || $0.dead > 0 }
                #expect(try await harness.queue.dead().map(\.error) == [])
                // The program writes after 0.7 seconds, and nothing tells that it was read.
                try await Task.sleep(for: .milliseconds(1_200))
            }
            #expect(harness.words("starts").count == 2)
        }
        #expect(harness.logs.all.contains { $0.hasPrefix("a handler is killed") })
    }
}
