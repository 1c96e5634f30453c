import Glibc
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct RedisServerTests {
    @Test func `a suite has a running server`() {
        #expect(RedisServer.current.pid != nil)
    }

    @Test func `a killed server comes back with its appended data`() async throws {
        try await RedisServer.withServer(.init(appendOnly: true)) { server in
            try await withClient(server.url) { client in
                let first = server.pid
                try await client.run("SET", "key", "a")
                try await server.restart()
                #expect(server.pid != first)
                try await eventually { (try? await client.run("GET", "key").string) == "a" }
            }
        }
    }

    @Test func `a stopped server is gone, and its files after the end`() async throws {
        let directory = try await RedisServer.withServer { server in
            try await server.stop()
            #expect(server.pid == nil)
            try await server.start(until: .accepting)
            server.pause()
            return server.directory
        }
        #expect(access(directory, F_OK) != 0)
    }

    @Test func `a server that cannot start says why`() async throws {
        await #expect(throws: RedisServerError.self) {
            try await RedisServer.withServer(.init(arguments: ["--no-such-option", "1"])) { _ in }
        }
    }

    /// Runs this test program again with a test that waits for ever, and kills it.
    @Test func `the server dies with a test process that is killed`() async throws {
        let log = "\(RedisServer.current.directory)/victim.log"
        let file = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        let arguments = ["/proc/self/exe", "--testing-library", "swift-testing", "--filter", victimSuite]
        // The link is read by the child before it becomes the program: it is this program's.
        let victim = try Spawn.start(arguments, output: file)
        var server: pid_t?
        try await eventually(within: .seconds(60)) {
            server = Self.serverPID(log)
            return server != nil
        }
        kill(victim, SIGKILL)
        var status: Int32 = 0
        waitpid(victim, &status, 0)
        let pid = try #require(server)
        try await eventually { kill(pid, 0) != 0 }
    }

    static func serverPID(_ log: String) -> pid_t? {
        guard let file = fopen(log, "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 1_024)
        while fgets(&line, Int32(line.count), file) != nil {
            let bytes = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            let text = String(decoding: bytes, as: UTF8.self)
            let words = text.split(separator: "=")
            if words.first == "victim", words.count == 2 { return pid_t(words[1]) }
        }
        return nil
    }
}

/// The name of the suite below, as the filter of the program that runs it.
private let victimSuite = "RedisServerVictim"

/// Runs only in the program that `RedisServerTests` starts.
@Suite(.enabled(if: CommandLine.arguments.contains(victimSuite)))
struct RedisServerVictim {
    @Test func `a test that is about to be killed`() async throws {
        try await RedisServer.withServer { server in
            print("victim=\(server.pid ?? 0)")
            // Standard output is a file here, and fully buffered.
            fflush(nil)
            try await Waiting.untilCancelled()
        }
    }
}
