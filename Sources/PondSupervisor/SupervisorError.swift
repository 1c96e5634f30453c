/// What went wrong before or around the supervision; a worker that fails is an event, not an error.
public struct SupervisorError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, to branch on.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case invalidConfiguration, alreadyStarted, tooFewDescriptors
        }

        private let value: Value

        /// A value of the configuration is out of its bounds; the message names it.
        public static let invalidConfiguration = Code(value: .invalidConfiguration)
        /// `run()` was called a second time on one supervisor.
        public static let alreadyStarted = Code(value: .alreadyStarted)
        /// The process may not open as many files as the fleet needs.
        public static let tooFewDescriptors = Code(value: .tooFewDescriptors)

        public var description: String { value.rawValue }
    }

    /// The kind of failure.
    public let code: Code
    /// What failed, why, and what to do.
    public let message: String
    /// The error below this one.
    public let underlying: (any Error)?

    public init(code: Code, message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var description: String {
        underlying.map { "\(code): \(message) (\($0))" } ?? "\(code): \(message)"
    }
}
