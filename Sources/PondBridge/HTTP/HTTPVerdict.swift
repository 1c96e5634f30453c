/// What a status says about a job.
package enum HTTPVerdict: Sendable, Hashable {
    /// It is done.
    case done
    /// The service cannot now.
    case later
    /// It says nothing about the job: no such route, no right, another place. Whoever deployed it has to look.
    case elsewhere
    /// No further try can help.
    case final

    /// Of an answer with this status.
    package init(_ status: UInt) {
        switch status {
        case 200..<300: self = .done
        case 300..<400, 401, 403, 404, 405, 407, 421, 501: self = .elsewhere
        case 408, 425, 429, 500...: self = .later
        default: self = .final
        }
    }
}
