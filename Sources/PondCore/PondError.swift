/// Why a value or a call was refused: the caller's mistake, found before anything was written.
public struct PondError: Error, Sendable, CustomStringConvertible {
    /// The kind of mistake, to branch on.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String { case invalidQueueName, invalidKind, invalidJob, invalidConfiguration }
        private let value: Value

        /// A queue name outside `[a-z0-9][a-z0-9._-]{0,62}`.
        public static let invalidQueueName = Code(value: .invalidQueueName)
        /// A kind outside `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
        public static let invalidKind = Code(value: .invalidKind)
        /// A job with a field that is missing, too long or not of its form.
        public static let invalidJob = Code(value: .invalidJob)
        /// A setting that is out of bounds or contradicts another.
        public static let invalidConfiguration = Code(value: .invalidConfiguration)

        public var description: String { value.rawValue }
    }

    /// What was wrong, to branch on.
    public let code: Code
    /// What was given, what is allowed.
    public let message: String

    /// An error of your own code, as a store of keys throws it.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
