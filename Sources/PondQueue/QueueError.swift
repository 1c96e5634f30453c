public import PondRedis

/// Why a queue verb failed.
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure, to branch on.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case invalid, keyMismatch, queueFull, forwardOnly, refused, libraryNewer, libraryMissing, unexpectedReply,
                redis
        }
        private let value: Value

        /// An argument is not allowed; nothing was written.
        public static let invalid = Code(value: .invalid)
        /// The key belongs to a job of another kind or with another payload; nothing was written.
        public static let keyMismatch = Code(value: .keyMismatch)
        /// The queue's `max_depth` is reached; nothing was written.
        public static let queueFull = Code(value: .queueFull)
        /// The saga is behind its pivot, from where it goes forward only; nothing was changed.
        public static let forwardOnly = Code(value: .forwardOnly)
        /// A middleware of the program's own refused it.
        public static let refused = Code(value: .refused)
        /// The server's function library is of a newer format than this program; upgrade the program.
        public static let libraryNewer = Code(value: .libraryNewer)
        /// The function library cannot be installed (server older than 7.0, or no permission).
        public static let libraryMissing = Code(value: .libraryMissing)
        /// The server answered something that the wire format does not know.
        public static let unexpectedReply = Code(value: .unexpectedReply)
        /// Redis failed; `redis` tells how.
        public static let redis = Code(value: .redis)

        public var description: String { value.rawValue }
    }

    /// What went wrong, to branch on.
    public let code: Code
    /// What failed, why, and what to do next.
    public let message: String
    /// The Redis error behind it, if one caused this.
    public let redis: RedisError?

    package init(_ code: Code, _ message: String, redis: RedisError? = nil) {
        self.code = code
        self.message = message
        self.redis = redis
    }

    /// Whether the call was sent and its answer lost: the server may or may not have carried it out.
    public var outcomeUnknown: Bool { redis?.outcomeUnknown ?? false }

    /// Whether the same call may succeed later.
    public var isTransient: Bool { code == .redis && redis?.advice != .giveUp }

    public var description: String { message }

    init(_ error: RedisError, doing action: String) {
        switch error.prefix {
        case "INVALID": self.init(.invalid, String(error.message.dropFirst("INVALID ".count)), redis: error)
        case "KEYMISMATCH": self.init(.keyMismatch, String(error.message.dropFirst("KEYMISMATCH ".count)), redis: error)
        case "QUEUEFULL": self.init(.queueFull, error.message, redis: error)
        case "FORWARDONLY":
            self.init(.forwardOnly, String(error.message.dropFirst("FORWARDONLY ".count)), redis: error)
        default: self.init(.redis, "\(action) failed: \(error.message)", redis: error)
        }
    }
}
