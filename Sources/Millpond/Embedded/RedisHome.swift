import Glibc
import Logging
import PondCore
import PondRedis

/// The directory of an embedded Redis, locked for this process.
final class RedisHome: Sendable {
    /// The absolute path.
    let directory: String
    private let lock: Int32

    /// How long a server of an earlier process may take to write out and end.
    private static let leftoverPatience = Duration.seconds(10)
    /// What `sockaddr_un` holds, less the NUL at the end.
    private static let socketPathBytesMax = 107

    var logFile: String { "\(directory)/redis.log" }
    private var lockFile: String { "\(directory)/lock" }

    /// Nil when the system could not address it.
    var socketPath: String? {
        let path = "\(directory)/redis.sock"
        return path.utf8.count <= RedisHome.socketPathBytesMax ? path : nil
    }

    /// Makes and locks the directory.
    ///
    /// - Throws: `EmbeddedRedisError` with code `directoryUnusable` or `directoryInUse`.
    init(_ path: String) throws(EmbeddedRedisError) {
        directory = try RedisHome.make(path)
        let file = "\(directory)/lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw RedisHome.unusable(file) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            let owner = RedisHome.lines(of: lock).first ?? "?"
            defer { close(lock) }
            guard isTaken else { throw RedisHome.unusable(file) }
            throw EmbeddedRedisError(
                .directoryInUse,
                "\(directory) is in use by the process \(owner), which runs a Redis there",
                hint: "stop that one (kill \(owner)), or give this one a place of its own with --directory"
            )
        }
    }

    /// Lets others in.
    func unlock() {
        close(lock)
    }

    /// Writes down who has the directory and where its server is.
    func note(url: String) throws(EmbeddedRedisError) {
        let text = Array("\(getpid())\n\(url)\n".utf8)
        guard ftruncate(lock, 0) == 0, pwrite(lock, text, text.count, 0) == text.count else {
            throw RedisHome.unusable(lockFile)
        }
    }

    /// Ends the server of an earlier process, if its guardian was killed too and it still runs.
    ///
    /// - Throws: `EmbeddedRedisError` with code `directoryInUse`, when it does not end.
    func endLeftover(logger: Logger, clock: LocalClock) async throws {
        guard let url = RedisHome.lines(of: lock).dropFirst().first else { return }
        var configuration: RedisConfiguration
        do {
            configuration = try RedisConfiguration(url: url)
        } catch {
            // Nothing of ours wrote that.
            return
        }
        configuration.commandTimeout = .seconds(1)
        configuration.connectTimeout = .seconds(1)
        let client = RedisClient(configuration, clock: clock, logger: .quiet)
        let deadline = clock.now().advanced(by: RedisHome.leftoverPatience)
        var isTold = false
        while await look(client) != .absent {
            if !isTold {
                logger.notice("a redis-server of an earlier run is still here; it is ended first")
                isTold = true
            }
            guard clock.now() < deadline else {
                await client.close()
                throw EmbeddedRedisError(
                    .directoryInUse,
                    "a redis-server of an earlier run still uses \(directory) and does not end",
                    hint: "end it: redis-cli -u \(url) shutdown"
                )
            }
            await shutDown(client)
            try await clock.sleep(.milliseconds(50))
        }
        await client.close()
    }

    /// What is found at an address.
    enum Sight: Sendable, Hashable {
        /// A server whose data is in this directory.
        case served
        /// The same, but it is still reading its data.
        case loading
        /// None, or somebody else's, which must be let alone.
        case absent
    }

    /// Looks who answers.
    func look(_ client: RedisClient) async -> Sight {
        do {
            // Answered while it loads, too, as PING is not.
            let reply = try await client.send(RedisCommand("CONFIG", "GET", "dir"))
            guard reply.array?.last?.string == directory else { return .absent }
            _ = try await client.send(RedisCommand("PING"))
            return .served
        } catch {
            return error.prefix == "LOADING" ? .loading : .absent
        }
    }

    private func shutDown(_ client: RedisClient) async {
        // The lost connection is the answer; whether it worked is looked at again.
        _ = try? await client.send(RedisCommand("SHUTDOWN"))
    }

    private static func make(_ path: String) throws(EmbeddedRedisError) -> String {
        var made = ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            made += index == 0 && !path.hasPrefix("/") ? "\(part)" : "/\(part)"
            // Parents as others make them, the last one for this user alone.
            guard mkdir(made, index == parts.count - 1 ? 0o700 : 0o777) == 0 || errno == EEXIST else {
                throw unusable(made)
            }
        }
        guard let resolved = realpath(path, nil) else { throw unusable(path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func unusable(_ path: String) -> EmbeddedRedisError {
        EmbeddedRedisError(
            .directoryUnusable,
            "\(SafeText.escaped(path)) cannot be used: \(String(cString: strerror(errno)))",
            hint: "name another directory with --directory, or a running Redis with --redis"
        )
    }

    private static func lines(of file: Int32) -> [String] {
        var buffer = [UInt8](repeating: 0, count: 1_024)
        let count = pread(file, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map { String($0) }
    }
}
