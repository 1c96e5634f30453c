// A private redis-server, for `pond up`, demos and tests by hand. Two things must hold whatever happens to us: no
// server is left behind, and no second one ever writes the same append-only file.
//
// The server is the child of a small shell, the guardian. The guardian's standard input is a pipe that this process
// holds open and never writes to. Its end, by a clean stop or by our own SIGKILL, makes the guardian send SIGTERM, on
// which Redis writes out what it has and ends. (A parent-death signal would fire when the thread that spawned it
// ends.) A lock on the directory keeps others out; a server that is left all the same is ended before a new one starts.

package import Logging
package import PondCore
import PondRedis

/// A `redis-server` of this process' own, which keeps its data in a directory and ends with this process.
///
/// Every write goes to an append-only file that is flushed every second, and nothing is ever evicted. The next server
/// in the same directory has the same data. It is meant for one machine and one user: no password, a unix socket
/// that only this user may open, and a port on 127.0.0.1.
package struct EmbeddedRedis: Sendable {
    /// The directory of data, log and socket, as an absolute path.
    package let directory: String
    /// The unix socket, nil when its path would be longer than the 107 bytes that the system allows.
    package let socketPath: String?
    /// The port on 127.0.0.1.
    package let port: Int
    /// The server's log.
    package let logFile: String

    /// The server for `Pond`, `--redis` and `MILLPOND_REDIS_URL`: by the socket if there is one, else by the port.
    package var url: String { socketPath.map { "unix://\(EmbeddedRedis.escaped($0))" } ?? portURL }
    /// The server by its port.
    package var portURL: String { "redis://127.0.0.1:\(port)" }

    /// Starts a server, runs `body` once it answers, then stops the server and waits for its end.
    ///
    /// A server that ends unasked is started again on the same data, port and socket. Cancelling the task stops it.
    ///
    /// - Parameters:
    ///   - directory: made when it is missing. Defaults to `.millpond`.
    ///   - port: the port on 127.0.0.1. Defaults to a free one.
    ///   - clock: by which its start and its end are waited for. Defaults to the machine's.
    ///   - logger: where its start and its end are told.
    ///   - body: what is done while it runs.
    /// - Throws: `EmbeddedRedisError`, when there is no server to start, when it does not start, or when the directory
    ///   is in use; whatever `body` throws.
    package static func with<Value: Sendable>(
        directory: String = ".millpond",
        port: Int? = nil,
        logger: Logger,
        clock: LocalClock = .system,
        _ body: @escaping @Sendable (EmbeddedRedis) async throws -> Value
    ) async throws -> Value {
        let program = try await RedisProgram.find()
        let home = try RedisHome(directory)
        defer { home.unlock() }
        try await home.endLeftover(logger: logger, clock: clock)
        let keeper = RedisKeeper(program: program, home: home, fixedPort: port, logger: logger, clock: clock)
        return try await keeper.run(body)
    }

    /// A path as a URL holds it.
    private static func escaped(_ path: String) -> String {
        path.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            if byte < 0x80, character.isLetter || character.isNumber || "/-._~".contains(character) {
                return String(character)
            }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}

/// Why there is no embedded Redis.
package struct EmbeddedRedisError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, to branch on.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case notInstalled, tooOld, directoryInUse, directoryUnusable, startFailed
        }

        private let value: Value

        /// There is no `redis-server` in `PATH`.
        package static let notInstalled = Code(value: .notInstalled)
        /// The `redis-server` in `PATH` cannot hold the function library.
        package static let tooOld = Code(value: .tooOld)
        /// Another process has a server in the directory.
        package static let directoryInUse = Code(value: .directoryInUse)
        /// The directory cannot be made or written.
        package static let directoryUnusable = Code(value: .directoryUnusable)
        /// The server ended before it answered.
        package static let startFailed = Code(value: .startFailed)

        package var description: String { value.rawValue }
    }

    /// The kind of failure.
    package let code: Code
    /// What failed and why.
    package let message: String
    /// What to do next.
    package let hint: String

    init(_ code: Code, _ message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message); \(hint)" }
}
