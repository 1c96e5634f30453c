import FoundationEssentials
import Glibc
import Millpond
import PondCore
import PondRedis
import Subprocess
import SystemPackage

/// A redis-server that keeps nothing on disk, on a unix socket, for as long as the measurements take.
struct BenchRedis: Sendable {
    let socket: String

    var url: String { "unix://\(socket)" }

    /// Ends the server when standard input ends, which it does with this process, however that ends.
    private static let guardian = """
        exec 3<&0 </dev/null
        "$@" 3<&- &
        server=$!
        read -r line <&3
        kill -TERM "$server"
        wait "$server"
        """

    /// Starts a server on its CPU, runs `body`, and ends the server.
    static func with<Value: Sendable>(_ body: @Sendable (BenchRedis) async throws -> Value) async throws -> Value {
        var template = Array("/tmp/pond-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(.failure, "no directory under /tmp: \(String(cString: strerror(errno)))")
        }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // What cannot be removed is left to whoever cleans up there.
        defer { _ = Result { try FileManager.default.removeItem(atPath: folder) } }
        let server = BenchRedis(socket: folder + "/redis.sock")
        let words = CPUs.pinned(
            [
                "redis-server", "--port", "0", "--unixsocket", server.socket, "--dir", folder, "--save", "",
                "--appendonly", "no", "--logfile", folder + "/log",
            ],
            to: .server
        )
        var options = PlatformOptions()
        options.createSession = true
        // Signal 0 does nothing: when `body` throws, the guardian is given the time to end the server.
        options.teardownSequence = [
            .send(signal: Signal(rawValue: 0), toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        let result = try await Subprocess.run(
            .path("/bin/sh"),
            arguments: Arguments(["-c", guardian, "pond-bench-redis"] + words),
            platformOptions: options,
            input: .inputWriter,
            output: .discarded,
            error: .discarded
        ) { _ in
            try await server.waitUntilAnswering()
            return try await body(server)
        }
        return result.closureResult
    }

    /// Lets the server run on all CPUs, or on its own again.
    func move(to cpu: CPUs?) async throws {
        let client = RedisClient(try RedisConfiguration(url: url), logger: .quiet)
        let text = try await client.send(RedisCommand("INFO", "server")).string ?? ""
        await client.close()
        guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("process_id:") }),
            let pid = Int(line.dropFirst("process_id:".count))
        else { return }
        let words = CPUs.move(pid, to: cpu)
        _ = try await Subprocess.run(
            .path(FilePath(words[0])),
            arguments: Arguments(Array(words.dropFirst())),
            output: .discarded,
            error: .discarded
        )
    }

    private func waitUntilAnswering() async throws {
        var configuration = try RedisConfiguration(url: url)
        configuration.commandTimeout = .seconds(10)
        configuration.reconnect = Backoff(base: .milliseconds(5), cap: .milliseconds(50), jitter: 0)
        let client = RedisClient(configuration, logger: .quiet)
        _ = try await client.send(RedisCommand("PING"))
        await client.close()
    }
}
