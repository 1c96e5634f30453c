import Logging
import PondCore
package import PondRedis
import Synchronization

extension Pond {
    /// How long a call waits for a server that says it will be back (it is loading, a script runs).
    private static let patience = Duration.seconds(5)
    /// An ASK is waited out, never followed: at the other end there would be an empty queue of the same name.
    private static let transientPrefixes: Set<String> = [
        "LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN", "ASK",
    ]
    private static let pause = Backoff(base: .milliseconds(20), cap: .milliseconds(500), jitter: 0.2)

    /// Sends a command, again while the server answers that it cannot just now.
    ///
    /// An error reply means that nothing was done, so repeating is safe; a lost reply is never repeated here.
    func run(
        _ command: RedisCommand,
        doing action: @autoclosure () -> String
    ) async throws(QueueError) -> RESPValue {
        let encoded: EncodedCommands
        do throws(RedisError) { encoded = try EncodedCommands(command) } catch {
            throw QueueError(error, doing: action())
        }
        return try await run(encoded, doing: action())
    }

    /// The same with a command that is encoded already.
    nonisolated(nonsending) func run(
        _ command: EncodedCommands,
        doing action: @autoclosure () -> String
    ) async throws(QueueError) -> RESPValue {
        var deadline: LocalInstant?
        var failures = 0
        while true {
            do throws(RedisError) {
                return try await redis.send(command)
            } catch {
                failures += 1
                let pause = Pond.pause.delay(afterFailures: failures)
                let now = clock.now()
                let end = deadline ?? now.advanced(by: Pond.patience)
                guard Pond.transientPrefixes.contains(error.prefix ?? ""), now.advanced(by: pause) < end else {
                    throw QueueError(error, doing: action())
                }
                deadline = end
                do { try await clock.sleep(pause) } catch {
                    throw QueueError(RedisError(.cancelled, "\(action()): the task was cancelled"), doing: action())
                }
            }
        }
    }

    /// Calls a function of the library; loads the library first when the server does not have it.
    package func call(
        _ function: String,
        _ keys: Keys,
        _ arguments: [RedisArgument] = [],
        readOnly: Bool = false
    ) async throws(QueueError) -> RESPValue {
        try await call(function, base: keys.base, arguments, readOnly: readOnly)
    }

    /// The same for the keys that begin with `base`.
    package func call(
        _ function: String,
        base: String,
        _ arguments: [RedisArgument] = [],
        readOnly: Bool = false
    ) async throws(QueueError) -> RESPValue {
        try await call(function, Pond.command(function, base: base, arguments, readOnly: readOnly))
    }

    /// The same of a command that is whole already, for one whose many words should not be copied.
    func call(_ function: String, _ command: RedisCommand) async throws(QueueError) -> RESPValue {
        let asked = onCall == nil ? nil : clock.now()
        defer { if let asked { onCall?(function, asked.duration(to: clock.now())) } }
        do throws(QueueError) {
            return try await run(command, doing: function)
        } catch {
            guard error.redis?.isMissingFunction == true else { throw error }
            try await installLibrary()
            return try await run(command, doing: function)
        }
    }

    /// The command that calls a function, for a pipeline.
    static func command(_ function: String, _ keys: Keys, _ arguments: [RedisArgument]) -> RedisCommand {
        command(function, base: keys.base, arguments, readOnly: false)
    }

    private static func command(
        _ function: String,
        base: String,
        _ arguments: [RedisArgument],
        readOnly: Bool
    ) -> RedisCommand {
        // The second key is for a cluster: while the slot moves, a server that does not have both answers TRYAGAIN. With
        // one alone, which never exists, it would let whoever follows ASK build a second queue beside the first.
        RedisCommand(
            readOnly ? "FCALL_RO" : "FCALL",
            [.text(function), 2, .text(base), .text(Keys.meta(of: base))] + arguments
        )
    }

    /// Brings the server's function library up to this program's: loads it when it is missing or older.
    ///
    /// - Returns: the version that the server has now.
    /// - Throws: `libraryNewer` when it is of a format that this program does not speak, `libraryMissing` when it
    ///   cannot be loaded.
    @discardableResult
    package func installLibrary() async throws(QueueError) -> LuaLibrary.Version {
        let found = try await libraryVersion()
        switch LuaLibrary.step(found: found) {
        case .keep:
            return found ?? .own
        case .refuse:
            throw QueueError(
                .libraryNewer,
                "the server's function library millpond has \(found ?? .own), this program speaks format "
                    + "\(LuaLibrary.format); upgrade this program, or use another Redis or database for it"
            )
        case .load:
            // Who comes second to an empty server finds it there, and does not load it again.
            guard try await loadLibrary(replacing: found != nil) else { return try await installLibrary() }
            logger.info(
                "function library loaded",
                metadata: ["version": "\(LuaLibrary.Version.own)", "before": "\(found.map { "\($0)" } ?? "none")"]
            )
            return .own
        }
    }

    /// Sees to it once that the server's library is no older than this program's: what serves a queue does so at its start.
    ///
    /// A call loads the library only where it is missing, so without this a server would keep an older one for ever. A user that
    /// may not load functions goes on with an older one, which an administrator has to replace.
    package func seeToLibrary() async throws(QueueError) {
        guard !isLibrarySeenTo.withLock({ $0 }) else { return }
        do throws(QueueError) { _ = try await installLibrary() } catch {
            // Of a format that this program does not speak each call says so itself.
            if error.code != .libraryNewer {
                guard error.code == .libraryMissing, let found = try await libraryVersion() else { throw error }
                logger.warning(
                    "the server's function library is an older one and cannot be replaced; an administrator runs `pond functions load`",
                    metadata: ["has": "\(found)", "wanted": "\(LuaLibrary.Version.own)", "error": "\(error.message)"]
                )
            }
        }
        isLibrarySeenTo.withLock { $0 = true }
    }

    /// The version of the server's function library, nil when it has none.
    package func libraryVersion() async throws(QueueError) -> LuaLibrary.Version? {
        do throws(QueueError) {
            let reply = try await run(RedisCommand("FCALL_RO", "pond_version", 0), doing: "pond_version")
            guard let parts = reply.array, parts.count >= 3, let format = parts[1].int, let revision = parts[2].int
            else {
                throw QueueError(.unexpectedReply, "pond_version answered \(reply); another library uses that name")
            }
            return LuaLibrary.Version(format: Int(format), revision: Int(revision))
        } catch {
            if error.redis?.isMissingFunction == true { return nil }
            throw error
        }
    }

    /// - Returns: false when another has loaded one meanwhile, and none is to be replaced.
    private func loadLibrary(replacing: Bool) async throws(QueueError) -> Bool {
        do throws(QueueError) {
            let words: [RedisArgument] = ["LOAD"] + (replacing ? ["REPLACE"] : []) + [.text(LuaLibrary.text)]
            _ = try await run(RedisCommand("FUNCTION", words), doing: "loading the function library")
            return true
        } catch {
            if !replacing, error.redis?.message.contains("already exists") == true { return false }
            if error.isTransient { throw error }
            throw QueueError(
                .libraryMissing,
                "the function library millpond cannot be loaded: \(error.message). It needs Redis 7.0 or Valkey 7.2 and "
                    + "a user that may call FUNCTION; an administrator can load it once with `pond functions load`",
                redis: error.redis
            )
        }
    }
}

extension RedisError {
    /// Redis 7 names no prefix for a missing function, so its text decides.
    fileprivate var isMissingFunction: Bool {
        prefix == "ERR" && message.contains("Function not found")
    }
}
