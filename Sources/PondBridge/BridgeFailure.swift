package import PondCore

/// Why a handler that is another program failed its attempt: a fault of the program, not an answer that it gave.
public struct BridgeFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of fault, by a stable name.
    public enum Cause: String, Sendable, Hashable {
        /// The program could not be started at all.
        case unstartable = "handler_unstartable"
        /// It ended before it had answered.
        case died = "handler_died"
        /// It wrote a line that is no message.
        case garbage = "handler_garbage"
        /// It wrote a line that is longer than a message may be.
        case lineTooLong = "handler_line_too_long"
        /// It closed its standard output and lived on.
        case closedOutput = "handler_closed_output"
        /// It wrote although nothing was asked, or answered twice, or for another job.
        case unasked = "handler_unasked_answer"
        /// It asked for more answers than it read.
        case deaf = "handler_does_not_read"
        /// It did not end when it was told to, and was killed.
        case stopped = "handler_stopped"
        /// A child job that it asked for was refused.
        case refusedChild = "handler_child_job_refused"
        /// The address did not answer.
        case unreachable = "handler_unreachable"
        /// It answered that it cannot now.
        case unavailable = "handler_unavailable"
    }

    /// Which kind of fault it was.
    public let cause: Cause
    /// What happened, for people.
    public let text: String

    package init(_ cause: Cause, _ text: String) {
        self.cause = cause
        self.text = text
    }

    public var description: String { "\(cause.rawValue): \(text)" }
}

extension BridgeFailure: RootCauseDescribing {
    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts { .init(type: cause.rawValue, message: text) }
}
