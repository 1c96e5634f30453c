// The one table that says what to do about an error: callers branch on the advice, not on texts. Prefixes are those of
// Redis 7.0 to 8 and Valkey, in standalone, replicated and cluster mode.

extension RedisError {
    /// What a caller should do about a failed call.
    package enum Advice: Sendable, Hashable, CaseIterable {
        /// Call again at once, after sending the script or making the group that the error names.
        case retryNow
        /// Call again later, with backoff: the server will get over it, or somebody has to help it.
        case wait
        /// Call again over another connection: this one, or this server's role, is no longer the right one.
        case reconnect
        /// Do not call again: the same call will fail the same way.
        case giveUp
    }

    /// What to do about the error.
    ///
    /// It does not know whether the command may run twice: when `outcomeUnknown` is true, only repeat what may.
    package var advice: Advice {
        if let prefix { return Self.advice(prefix: prefix, message: message) }
        return switch code {
        case .connectFailed, .timedOut, .pipelineFull: .wait
        case .connectionLost, .protocolViolation: .reconnect
        default: .giveUp
        }
    }

    private static func advice(prefix: String, message: String) -> Advice {
        // A full server says ERR, and hangs up.
        if prefix == "ERR" && message.hasPrefix("ERR max number of clients") { return .wait }
        return prefixAdvice[prefix] ?? .giveUp
    }

    /// Prefix of an error reply → advice; a prefix that is not here means: give up.
    package static let prefixAdvice: [String: Advice] = [
        // The caller sends the script, or makes the group, and calls again.
        "NOSCRIPT": .retryNow,
        "NOGROUP": .retryNow,
        // Somebody ended the wait; the next read starts another.
        "UNBLOCKED": .retryNow,
        // The server cannot just now.
        "LOADING": .wait,
        "BUSY": .wait,
        "MASTERDOWN": .wait,
        "NOREPLICAS": .wait,
        "CLUSTERDOWN": .wait,
        "TRYAGAIN": .wait,
        "OOM": .wait,
        "MISCONF": .wait,
        // Another server, or the same server in its new role.
        "READONLY": .reconnect,
        "MOVED": .reconnect,
        "ASK": .reconnect,
        // The caller's or the operator's mistake.
        "ERR": .giveUp,
        "WRONGTYPE": .giveUp,
        "NOPERM": .giveUp,
        "NOAUTH": .giveUp,
        "WRONGPASS": .giveUp,
        "DENIED": .giveUp,
        "NOPROTO": .giveUp,
        "CROSSSLOT": .giveUp,
        "EXECABORT": .giveUp,
        "BUSYGROUP": .giveUp,
        "BUSYKEY": .giveUp,
        "NOTBUSY": .giveUp,
        "UNKILLABLE": .giveUp,
    ]
}
