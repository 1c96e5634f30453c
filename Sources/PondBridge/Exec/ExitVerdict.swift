/// What the end of a process that ran one job says about the job: a pure function of how it ended and of what was done to
/// it.
package enum ExitVerdict: Sendable, Hashable {
    /// It did the job.
    case done
    /// It asked for another try.
    case retry
    /// This worker told it to end while it ran, so its end is the worker's work: the exit code is not asked.
    case stopped
    /// It said that no further try can help.
    case final(code: Int32)
    /// It said nothing about the job: the program is missing, or something killed it.
    case saidNothing

    /// `EX_TEMPFAIL`.
    private static let retryCode: Int32 = 75
    /// Shells end with this and the number of the signal that ended their command.
    private static let signalBase: Int32 = 128
    private static let signalMax: Int32 = 64

    /// - Parameters:
    ///   - code: nil when a signal ended it.
    ///   - wasStopped: whether it still ran when this worker told it to end.
    package init(code: Int32?, wasStopped: Bool) {
        switch code {
        case _ where wasStopped: self = .stopped
        case 0?: self = .done
        case Self.retryCode?: self = .retry
        case let code?: self = Self.obstacle(code) == nil ? .final(code: code) : .saidNothing
        case nil: self = .saidNothing
        }
    }

    /// Whether the shell did not find the program, or may not run it: then no job can end well.
    package static func isMissingProgram(_ code: Int32?) -> Bool { code == 126 || code == 127 }

    /// What an exit code of the shell, or of a program that runs another, means; nil for a program's own.
    package static func obstacle(_ code: Int32) -> String? {
        switch code {
        case 124: "a program that watches over another, as timeout, ended it"
        case 125: "a program that runs another, as timeout or docker, could not"
        case 126: "the program is there and may not be run; look at its permissions and its first line"
        case 127: "the program was not found"
        case signalBase + 1...signalBase + signalMax: "\(SignalName.text(code - signalBase)) in a shell"
        default: nil
        }
    }
}
