package import Logging
import PondRedis
import Synchronization

/// Says once that something fails, and what; once that it works again; and little in between.
package final class OutageLog: Sendable {
    private struct State {
        var failures = 0
        var trouble = ""
    }

    private let logger: Logger
    private let worksAgain: String
    private let state = Mutex(State())

    /// - Parameter worksAgain: what is said when it works again. Defaults to words about a call of Redis.
    package init(_ logger: Logger, worksAgain: String = "redis call works again") {
        self.logger = logger
        self.worksAgain = worksAgain
    }

    /// Notes a failure.
    ///
    /// - Parameter trouble: what is said of it. Defaults to words about a call of Redis.
    /// - Returns: how many failures came in a row, this one included.
    @discardableResult
    package func failed(_ what: String, _ error: any Error, as trouble: String = "redis call failed") -> Int {
        let (count, isNews) = state.withLock { state in
            defer { state.trouble = trouble }
            state.failures += 1
            // A second trouble in the first one is news too.
            return (state.failures, state.failures == 1 || state.trouble != trouble)
        }
        var metadata: Logger.Metadata = ["what": "\(what)", "error": "\(error)", "failures": "\(count)"]
        if isNews {
            if let hint = Self.hint(on: error) { metadata["hint"] = "\(hint)" }
            logger.warning("\(trouble); trying again until it works", metadata: metadata)
        } else if count.isMultiple(of: 60) {
            logger.error("\(trouble), still", metadata: metadata)
        }
        return count
    }

    /// What somebody has to do before it works again; nil for what passes by itself, or is not known.
    package static func hint(on error: any Error) -> String? {
        let redis = (error as? QueueError)?.redis ?? error as? RedisError
        guard let redis, let prefix = redis.prefix else { return nil }
        // Redis 7 has no prefix for a right that a function's own command lacks.
        let isInFunction = redis.message.contains("The user executing the script can't")
        switch isInFunction ? "NOPERM" : prefix {
        case "NOPERM": return "grant this right with ACL SETUSER; docs/security.md has the rights of each user"
        case "READONLY": return "this server is a replica: name its primary in the address, or wait for the failover"
        case "MISCONF": return "free space on the disk of the server's directory; pond doctor tells more"
        case "OOM": return "the server's memory is full: raise maxmemory, or let jobs be taken; pond doctor tells more"
        default: return nil
        }
    }

    /// Notes that it works.
    package func worked(_ what: String) {
        let before = state.withLock { state in
            defer { state.failures = 0 }
            return state.failures
        }
        if before > 0 { logger.info("\(worksAgain)", metadata: ["what": "\(what)", "failures": "\(before)"]) }
    }
}
