/// Why an outbox refused, although its file is well; what is wrong with the file is an `SQLiteError`.
public struct OutboxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of refusal, to branch on.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String { case invalid, full, relayed, cannotLock, wrongAnswer }
        private let value: Value

        /// The job, the queue's name or the lane's is not allowed; nothing was written.
        public static let invalid = Code(value: .invalid)
        /// The lane has too many unsent rows, or the outbox too many lanes; nothing was written.
        public static let full = Code(value: .full)
        /// Another relay ships from this file already.
        public static let relayed = Code(value: .relayed)
        /// The lock file beside the outbox cannot be made or locked.
        public static let cannotLock = Code(value: .cannotLock)
        /// The sink did not answer for every job.
        public static let wrongAnswer = Code(value: .wrongAnswer)

        public var description: String { value.rawValue }
    }

    /// What was wrong, to branch on.
    public let code: Code
    /// What failed, why, and what to do next.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
