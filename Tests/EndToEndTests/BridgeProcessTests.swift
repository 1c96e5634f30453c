import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondTestKit
import Testing

/// `pond worker` with handlers that are other programs, as processes.
@Suite(.serialized, .redis) struct BridgeProcessTests {
    private func options(_ place: Place, _ more: String...) -> [String] { ["worker"] + place.options + more }

    private func add(_ place: Place, _ data: String = "1") async throws {
        _ = try await place.queue.enqueue(NewJob(kind: try JobKind("a.b"), data: Array(data.utf8)))
    }

    @Test func `a worker that is killed takes its handlers with it, and what fled from them`() async throws {
        let place = try Place()
        try await withDirectory { folder in
            let program = """
                import os, sys, time
                sys.stdin.readline()
                if os.fork() == 0:
                    os.setsid()
                open("\(folder)/pids", "a").write("%d\\n" % os.getpid())
                time.sleep(600)
                """
            try Data(program.utf8).write(to: URL(filePath: "\(folder)/handler.py"))
            @Sendable func pids() throws -> [Int32] {
                let file = URL(filePath: "\(folder)/pids")
                guard FileManager.default.fileExists(atPath: file.path) else { return [] }
                return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { Int32($0) }
            }
            try await add(place)
            try await Child.run(options(place, "--exec", "exec python3 \(folder)/handler.py")) { worker in
                try await eventually("both run", says: worker.log) { try pids().count == 2 }
                worker.send(SIGKILL)
                try await worker.exit()
            }
            try await eventually("nothing of them is left", within: .seconds(5)) {
                try pids().allSatisfy { !Processes.isAlive($0) }
            }
        }
    }

    @Test func `a worker that is told to stop lets its handlers end what they do, and leaves none`() async throws {
        let place = try Place()
        let handler = """
            while read -r line; do sleep 1; echo '{"type":"done"}'; done; echo bye >&2
            """
        try await add(place)
        let ended = try await Child.run(options(place, "--exec", handler)) { worker in
            try await place.eventually("it runs") { $0.inFlight == 1 }
            worker.send(SIGTERM)
            try await worker.exit()
        }
        #expect(ended.code == 0)
        #expect(try await place.queue.depth().done == 1)
        #expect(ended.error.contains { $0.contains("bye") })
    }

    @Test func `kinds choose which jobs go to the other program`() async throws {
        let place = try Place()
        try await add(place)
        _ = try await place.queue.enqueue(NewJob(kind: try JobKind("pond.echo"), data: Array("2".utf8)))
        let handler = "[ \"$MILLPOND_KIND\" = a.b ]"
        try await Child.run(options(place, "--exec-once", handler, "--kind", "a.b,a.c")) { worker in
            try await place.eventually("both are done") { $0.done == 2 }
            worker.send(SIGTERM)
            try await worker.exit()
        }
    }

    @Test func `a program that names its kinds gets no others`() async throws {
        let place = try Place()
        try await withDirectory { folder in
            let program = """
                import os, sys
                if os.environ.get("MILLPOND_ASK") == "kinds":
                    print('{"type":"kinds","kinds":["a.b"]}')
                    sys.exit()
                for line in sys.stdin: print('{"type":"done"}')
                """
            try Data(program.utf8).write(to: URL(filePath: "\(folder)/handler.py"))
            let other = try await place.queue.enqueue(NewJob(kind: try JobKind("a.c"), data: [])).id
            try await add(place)
            try await Child.run(options(place, "--exec", "python3 \(folder)/handler.py")) { worker in
                try await worker.line("leaving the job to a worker that has one")
                try await place.eventually("its own is done") { $0.done == 1 }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            #expect(try await place.queue.depth().dead == 0)
            #expect(try await place.queue.cancel(other) != .unknown)
        }
    }

    @Test func `a release that cannot start stops the rolling restart, takes no job and leaves the worker before it`()
        async throws
    {
        let place = try Place()
        try await withDirectory { folder in
            let file = URL(filePath: "\(folder)/handler.py")
            let good = "import sys\nfor line in sys.stdin: print('{\"type\":\"done\"}')\n"
            try Data(good.utf8).write(to: file)
            let worker = ["worker"] + place.options + ["--kind", "a.b", "--exec", "exec python3 \(folder)/handler.py"]
            let arguments = ["supervise", "--workers", "1", "--redis", place.url, "--", Child.path("pond")] + worker
            let ended = try await Child.run(arguments) { supervisor in
                try await supervisor.line("supervisor", "worker ready")
                try await add(place)
                try await place.eventually("one is done") { $0.done == 1 }
                try Data("import nothing_here\n".utf8).write(to: file)
                supervisor.send(SIGHUP)
                try await supervisor.line("the new worker of slot 0 ended before it was ready")
                try await add(place)
                try await place.eventually("the worker before it goes on") { $0.done == 2 }
                supervisor.send(SIGTERM)
                try await supervisor.exit(within: .seconds(10))
            }
            let cause = "the handler cannot start: it ended with exit code 1 before it was given a job: "
            #expect(ended.error.contains { $0.contains(cause + "ModuleNotFoundError") }, "\(ended.error)")
            #expect(try await place.queue.depth().dead == 0)
        }
    }

    @Test func `a token comes from a file, and no secret is in the log`() async throws {
        let place = try Place()
        try await withDirectory { folder in
            try Data("t0psecret\n".utf8).write(to: URL(filePath: "\(folder)/token"))
            try Data("http://127.0.0.1:1/?key=k3ysecret\n".utf8).write(to: URL(filePath: "\(folder)/url"))
            try await add(place)
            let secrets = ["--http", "@\(folder)/url", "--http-bearer-file", "\(folder)/token", "--attempts", "1"]
            let ended = try await Child.run(["worker"] + place.options + secrets) { worker in
                try await place.eventually("it is dead") { $0.dead == 1 }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            let error = try #require(try await place.queue.dead().first).error
            #expect(error.hasPrefix("handler_unreachable: http://127.0.0.1:1/?key=*** did not answer"), "\(error)")
            let told = (ended.output + ended.error).joined(separator: "\n") + error
            #expect(!told.contains("t0psecret") && !told.contains("k3ysecret"), "\(told)")
        }
    }

    @Test(
        arguments: [
            (["--exec", "a", "--http", "http://b"], "exclude each other"), (["--exec", ""], "is empty"),
            (["--job-timeout", "5s"], "are for --exec"), (["--http", "localhost:80"], "is no address"),
            (["--http", "http://a:b@c", "--http-header", "Authorization: x"], "two logins"),
            (["--http", "http://c", "--http-bearer-file", "/none"], "--http-bearer-file names cannot be used"),
            (["--exec", "a", "--http-header", "X: y"], "are for --http"),
        ]
    )
    func `options that contradict each other are refused`(more: [String], text: String) async throws {
        let place = try Place()
        let ended = try await Child.run(["worker"] + place.options + more)
        #expect(ended.code != 0 && ended.error.contains { $0.contains(text) }, "\(ended.error)")
    }
}
