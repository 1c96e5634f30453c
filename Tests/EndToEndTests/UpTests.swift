import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// `pond up`: Redis, supervisor and workers from one command, and nothing of them afterwards.
@Suite(.serialized) struct UpTests {
    /// Names the processes of one test in their environment.
    private struct Mark {
        let name = RedisServer.uniqueName()
        let directory: String
        var environment: [String: String] { ["POND_TEST": name] }
        var processes: [Int32] { Processes.of("POND_TEST=" + name, in: directory) }
    }

    /// What it said about its Redis.
    private func url(_ up: Child) async throws -> String {
        let line = try await up.line("  redis ")
        return String(try #require(line.split(separator: " ").last))
    }

    private func redisPID(_ url: String) async throws -> Int32 {
        let pond = try Pond(redis: url)
        let reply = try await pond.redis.send(RedisCommand("INFO", "server"))
        await pond.close()
        let line = reply.string?.split(separator: "\r\n").first { $0.hasPrefix("process_id:") }
        return try #require(line.flatMap { Int32($0.dropFirst("process_id:".count)) })
    }

    @Test func `it runs a job, ends cleanly, and has its data again`() async throws {
        try await withDirectory { directory in
            let mark = Mark(directory: directory)
            let arguments = ["up", "--workers", "2", "--directory", directory]
            let ended = try await Child.run(arguments, environment: mark.environment) { up in
                let url = try await url(up)
                try await up.line("supervisor", "worker ready", count: 2)
                let sent = try await Child.run(["enqueue", "pond.echo", "--data", #"{"a":1}"#, "--redis", url])
                #expect(sent.code == 0)
                try await up.line("echo", #"{"a":1}"#)
                _ = try await Child.run(["enqueue", "later", "--in", "1h", "--redis", url])
                up.send(SIGINT)
                try await up.exit(within: .seconds(15))
            }
            #expect(ended.code == 0)
            #expect(ended.error.last == "Millpond is down.")
            // The last shell of the guardian ends just after it.
            try await eventually("no process is left", within: .seconds(3)) { mark.processes.isEmpty }
            try await Child.run(arguments, environment: mark.environment) { up in
                let queue = try Pond(redis: try await url(up)).queue("default")
                #expect(try await queue.depth().held == 1)
                #expect(try await queue.depth().done == 1)
                try await up.line("supervisor", "worker ready", count: 2)
                // Each worker is replaced, and nothing stops.
                up.send(SIGHUP)
                try await up.line("supervisor", "worker ready", count: 4)
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
            // The last shell of the guardian ends just after it.
            try await eventually("no process is left", within: .seconds(3)) { mark.processes.isEmpty }
        }
    }

    @Test func `when it is killed, Redis and the workers end too, and the next one starts`() async throws {
        try await withDirectory { directory in
            let mark = Mark(directory: directory)
            let arguments = ["up", "--workers", "2", "--directory", directory]
            try await Child.run(arguments, environment: mark.environment) { up in
                let url = try await url(up)
                try await up.line("supervisor", "worker ready", count: 2)
                for _ in 0..<100 {
                    _ = try await Pond(redis: url).queue("kept").enqueue(NewJob(kind: try JobKind("a")))
                }
                up.send(SIGKILL)
                try await up.exit()
            }
            // At once, while the first one's Redis may still be writing.
            try await Child.run(arguments, environment: mark.environment) { up in
                let depth = try await Pond(redis: try await url(up)).queue("kept").depth()
                #expect(depth.ready == 100)
                up.send(SIGTERM)
                try await up.exit(within: .seconds(20))
            }
            try await eventually("no process is left", within: .seconds(15)) { mark.processes.isEmpty }
        }
    }

    @Test func `a Redis that is left without its guardian is ended before the next one starts`() async throws {
        try await withDirectory { directory in
            let mark = Mark(directory: directory)
            let arguments = ["up", "--workers", "1", "--directory", directory]
            try await Child.run(arguments, environment: mark.environment) { up in
                let redis = try await redisPID(try await url(up))
                up.send(SIGSTOP)
                for process in mark.processes where process != redis && process != up.pid { kill(process, SIGKILL) }
                up.send(SIGKILL)
                try await up.exit()
                #expect(mark.processes == [redis])
            }
            let ended = try await Child.run(arguments, environment: mark.environment) { up in
                _ = try await url(up)
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
            #expect(ended.error.contains { $0.contains("of an earlier run") })
            // The last shell of the guardian ends just after it.
            try await eventually("no process is left", within: .seconds(3)) { mark.processes.isEmpty }
        }
    }

    @Test func `a Redis that dies is started again on the same data`() async throws {
        try await withDirectory { directory in
            let arguments = ["up", "--workers", "1", "--directory", directory]
            let ended = try await Child.run(arguments) { up in
                let url = try await url(up)
                try await up.line("supervisor", "worker ready")
                let queue = try Pond(redis: url).queue("kept")
                _ = try await queue.enqueue(NewJob(kind: try JobKind("a")))
                // Everysec: what was acknowledged is with the kernel, which outlives the process.
                let pid = try await redisPID(url)
                kill(pid, SIGKILL)
                try await up.line("redis-server ended unasked")
                try await up.line("redis-server answers again")
                #expect(try await redisPID(url) != pid)
                #expect(try await queue.depth().ready == 1)
                _ = try await Child.run(["enqueue", "pond.echo", "--data", #""still here""#, "--redis", url])
                try await up.line("echo", "still here")
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
            #expect(ended.code == 0)
        }
    }

    @Test func `two of them cannot share a directory`() async throws {
        try await withDirectory { directory in
            let arguments = ["up", "--workers", "1", "--directory", directory]
            try await Child.run(arguments) { up in
                _ = try await url(up)
                let second = try await Child.run(arguments)
                #expect(second.code == 5)
                #expect(second.error.contains { $0.contains("in use") && $0.contains("\(up.pid)") })
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
        }
    }

    @Test func `a path that is too long for a socket is served by the port`() async throws {
        try await withDirectory { directory in
            let deep = directory + "/" + String(repeating: "d", count: 120)
            let ended = try await Child.run(["up", "--workers", "1", "--directory", deep]) { up in
                let url = try await url(up)
                #expect(url.hasPrefix("redis://127.0.0.1:"))
                try await up.line("supervisor", "worker ready")
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
            #expect(ended.code == 0)
        }
    }

    @Test func `a port that is taken is told`() async throws {
        try await RedisServer.withServer { server in
            try await withDirectory { directory in
                let ended = try await Child.run(["up", "--port", "\(server.port)", "--directory", directory])
                #expect(ended.code == 1)
                #expect(ended.error.contains { $0.contains("127.0.0.1:\(server.port): the port is taken") })
            }
        }
    }

    @Test func `without redis-server it says how to install one`() async throws {
        try await withDirectory { directory in
            let ended = try await Child.run(["up", "--directory", directory], environment: ["PATH": directory])
            #expect(ended.code == 1)
            #expect(ended.error.contains { $0.contains("not installed") })
            #expect(ended.error.contains { $0.contains("apt install redis-server") })
            try Text.write(
                "#!/bin/sh\necho 'Redis server v=6.2.7 sha=00000000:0 malloc=libc bits=64'\n",
                to: "\(directory)/redis-server"
            )
            chmod("\(directory)/redis-server", 0o755)
            let old = try await Child.run(["up", "--directory", directory], environment: ["PATH": directory])
            #expect(old.code == 1)
            #expect(old.error.contains { $0.contains("redis-server is 6.2, 7.0 or newer is needed") })
        }
    }

    @Test func `a Redis that is named is used, and none is started`() async throws {
        try await RedisServer.withServer { server in
            try await withDirectory { directory in
                let mark = Mark(directory: directory)
                let arguments = ["up", "--workers", "1", "--no-history", "--redis", server.url]
                try await Child.run(arguments, environment: mark.environment, directory: directory) { up in
                    try await up.line("supervisor", "worker ready")
                    // The command and its worker.
                    #expect(mark.processes.count == 2)
                    up.send(SIGTERM)
                    try await up.exit(within: .seconds(15))
                }
                #expect(access("\(directory)/.millpond", F_OK) != 0)
            }
        }
    }

    @Test(arguments: [true, false])
    func `a Redis of one's own gets a history where pond history looks for it`(byOption: Bool) async throws {
        try await RedisServer.withServer { server in
            try await withDirectory { directory in
                var environment = ["HOME": directory, "XDG_STATE_HOME": ""]
                if !byOption { environment["MILLPOND_REDIS_URL"] = server.url }
                let arguments = ["up", "--workers", "1"] + (byOption ? ["--redis", server.url] : [])
                try await Child.run(arguments, environment: environment, directory: directory) { up in
                    try await up.line("  history ", "\(directory)/.local/state/millpond/history.sqlite")
                    try await up.line("supervisor", "worker ready")
                    up.send(SIGTERM)
                    try await up.exit(within: .seconds(15))
                }
            }
        }
    }

    @Test func `it says what another shell has to be told, and that shell finds the history`() async throws {
        try await withDirectory { directory in
            // An option goes before the environment, for the workers too.
            let away = ["MILLPOND_REDIS_URL": "redis://127.0.0.1:1"]
            try await Child.run(["up", "--workers", "1", "--directory", directory], environment: away) { up in
                try await up.line("MILLPOND_REDIS_URL is set and not used")
                let line = try await up.line("  shell ")
                let words = line.split(separator: " ").dropFirst(2).map { $0.split(separator: "=", maxSplits: 1) }
                var environment: [String: String] = [:]
                for word in words { environment[String(word[0])] = String(word[1].dropFirst().dropLast()) }
                #expect(Set(environment.keys) == ["MILLPOND_REDIS_URL", "MILLPOND_HISTORY"])
                let sent = try await Child.run(["enqueue", "pond.echo", "--data", "1"], environment: environment)
                let id = try #require(sent.output.first)
                try await up.line("echo")
                let told = environment
                try await eventually("the history knows the job", within: .seconds(10)) {
                    try await Child.run(["history", "job", id], environment: told).code == 0
                }
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
        }
    }

    @Test func `a worker that is no program ends it before anything is started`() async throws {
        try await withDirectory { directory in
            let ended = try await Child.run(["up", "--directory", directory, "--", "nosuchprogram"])
            #expect(ended.code == 3)
            #expect(
                ended.error.contains { $0.contains("nosuchprogram: no directory of PATH holds such a program") }
            )
            #expect(!ended.error.contains { $0.contains("Millpond is up") })
            #expect(access("\(directory)/redis.log", F_OK) != 0)
        }
    }

    @Test(arguments: ["up", "worker", "supervise"])
    func `a wrong password is not waited for`(command: String) async throws {
        try await RedisServer.withServer(.init(password: "right")) { server in
            let url = "redis://:wrong@127.0.0.1:\(server.port)"
            let ended = try await Child.run([command, "--redis", url])
            #expect(ended.code == 4)
            #expect(ended.error.contains { $0.contains("refused the login: WRONGPASS") }, "\(ended.error)")
        }
    }

    @Test(arguments: [0, 10, 30, 60, 100, 200])
    func `a signal at any moment of the start leaves no process`(milliseconds: Int) async throws {
        try await withDirectory { directory in
            let mark = Mark(directory: directory)
            let arguments = ["up", "--workers", "1", "--directory", directory]
            try await Child.run(arguments, environment: mark.environment) { up in
                // Any moment of its start may be the one.
                try await LocalClock.system.sleep(.milliseconds(milliseconds))
                up.send(SIGTERM)
                try await up.exit(within: .seconds(15))
            }
            try await eventually("no process is left", within: .seconds(5)) { mark.processes.isEmpty }
        }
    }
}

/// Small files.
enum Text {
    static func write(_ text: String, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw TimedOut(description: "\(path) cannot be written") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else {
            throw TimedOut(description: "\(path) was not written whole")
        }
    }
}
