/// How a command ended, for scripts: the exit code and the word that `--json` gives as `code`.
package enum ExitCodes: Int32, Sendable, CaseIterable {
    /// It did what it was asked.
    case ok = 0
    /// It failed, and no other code fits.
    case failure = 1
    /// The command line is wrong, or `--yes` is missing off a terminal.
    case usage = 2
    /// There is no such job, queue or file.
    case notFound = 3
    /// Refused by a policy, a limit, or the server's access rules.
    case refused = 4
    /// The state changed meanwhile, or is not the one that the command is for.
    case conflict = 5
    /// Redis cannot be reached, or cannot answer just now.
    case unreachable = 6
    /// No answer came in time; the command may or may not have had an effect.
    case timedOut = 7
    /// A check found something that is wrong.
    case checkFailed = 8
    /// Stopped by the user.
    case interrupted = 130
    /// Nobody reads standard output any more, as with `| head`.
    case outputClosed = 141

    /// The word for programs, as in `not_found`.
    package var word: String {
        switch self {
        case .ok: "ok"
        case .failure: "failure"
        case .usage: "usage"
        case .notFound: "not_found"
        case .refused: "refused"
        case .conflict: "conflict"
        case .unreachable: "redis_unreachable"
        case .timedOut: "timed_out"
        case .checkFailed: "check_failed"
        case .interrupted: "interrupted"
        case .outputClosed: "output_closed"
        }
    }
}
