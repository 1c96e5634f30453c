/// What went wrong before or around the supervision; a worker that fails is an event, not an error.
package struct SupervisorError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, to branch on.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case invalidConfiguration, alreadyStarted, tooFewDescriptors
        }

        private let value: Value

        /// A value of the configuration is out of its bounds; the message names it.
        package static let invalidConfiguration = Code(value: .invalidConfiguration)
        /// `run()` was called a second time on one supervisor.
        package static let alreadyStarted = Code(value: .alreadyStarted)
        /// The process may not open as many files as the fleet needs.
        package static let tooFewDescriptors = Code(value: .tooFewDescriptors)

        package var description: String { value.rawValue }
    }

    /// The kind of failure.
    package let code: Code
    /// What failed, why, and what to do.
    package let message: String
    /// The error below this one.
    package let underlying: (any Error)?

    package init(code: Code, message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    package var description: String {
        underlying.map { "\(code): \(message) (\($0))" } ?? "\(code): \(message)"
    }
}
