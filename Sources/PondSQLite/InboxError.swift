public import PondCore

/// Why an inbox refused, although its file is well; what is wrong with the file is an `SQLiteError`.
public struct InboxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of refusal, to branch on.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case invalidStep, mismatch, undone, answerTooLarge, unencodableAnswer, undecodableAnswer
        }

        private let value: Value

        /// The step's name is empty, too long or holds a zero byte; nothing was written.
        public static let invalidStep = Code(value: .invalidStep)
        /// The job's key was used before, by a job of another kind or with another payload; nothing was written.
        public static let mismatch = Code(value: .mismatch)
        /// The job died and a compensation undid the step, while this try of it stood still; nothing was written.
        public static let undone = Code(value: .undone)
        /// The answer has more bytes than an inbox keeps; nothing was written.
        public static let answerTooLarge = Code(value: .answerTooLarge)
        /// The answer cannot be written as JSON; nothing was written.
        public static let unencodableAnswer = Code(value: .unencodableAnswer)
        /// The effect was there already, and its answer does not decode into what is asked for.
        public static let undecodableAnswer = Code(value: .undecodableAnswer)

        public var description: String { value.rawValue }
    }

    /// What was wrong, to branch on.
    public let code: Code
    /// The job and the step, what is wrong, and what to do next.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension InboxError: PermanentFailure {
    /// A key that stands for another effect will do so at the next try too.
    public var permanentCause: Cause? { code == .mismatch ? .keyMismatch : nil }
}
