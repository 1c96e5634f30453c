public import PondCore

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
        /// It told of the end of a step that does not run, or began one before the last had ended.
        case outOfTurn = "handler_out_of_turn"
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
    /// More lines for people, as a traceback; they say nothing about which failures belong together.
    package var details = ""
    /// Whether each further try would come to the same, after the same effects.
    package var isFinal = false
    /// Whether each other job would come to the same.
    package var isForAllJobs = false
    /// What a program that was stopped did not do in its time, when that may be why.
    package var stopNote: String?
    /// How a program that was stopped for want of a heartbeat sends one.
    package var silenceNote: String?

    package init(_ cause: Cause, _ text: String) {
        self.cause = cause
        self.text = text
    }

    public var description: String { "\(cause.rawValue): \(text)" }
}

extension BridgeFailure: RootCauseDescribing, PermanentFailure, ToldFailure {
    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts { .init(type: cause.rawValue, message: text) }
    /// Set when no further try can help.
    public var permanentCause: PondCore.Cause? { isFinal ? PondCore.Cause(cause.rawValue) : nil }
    /// The cause, the text, and what is known beside them.
    package var keptText: String { Details.added(to: description, details) }
}

/// What a program, or a web service, said of a job that it did not do.
struct ProgramAnswer: Error, CustomStringConvertible {
    /// Why, on one line.
    var text: String
    /// Set when no further try can help.
    var cause: PondCore.Cause?
    /// What the failure has in common with others, when it is not the text.
    var rootCause: String?
    /// The least that the job rests before its next try.
    var retryAfter: Duration?
    /// Whether it said that it is too much, also where it did not say for how long.
    var isTooMuch = false
    /// More lines for people, as a traceback.
    var details = ""

    var description: String { text }
}

extension ProgramAnswer: RootCauseDescribing, PermanentFailure, ToldFailure {
    var permanentCause: PondCore.Cause? { cause }
    var isThrottled: Bool { isTooMuch || (retryAfter.map { $0 > .zero } ?? false) }
    var keptText: String { Details.added(to: text, details) }

    var rootCauseParts: RootCause.Parts {
        let type = cause.map { $0 == .failed ? "" : $0.name } ?? ""
        return .init(type: type, message: text, key: rootCause)
    }
}

/// The lines below an error text.
enum Details {
    static func added(to text: String, _ details: String) -> String {
        details.isEmpty ? text : "\(text)\n\(details)"
    }
}
