/// How a worker ended.
package enum WorkerExit: Sendable, Hashable {
    /// It exited with this code.
    case exited(Int32)
    /// This signal ended it.
    case signaled(Int32)
    /// Its program was never started; the reason names the path and the cause.
    case failedToStart(reason: String)
    /// It ended, but the system did not say how.
    case unknown(reason: String)

    /// What the code or the signal says, for people; nil for codes without a meaning of their own.
    package var meaning: String? {
        switch self {
        case .exited(let code): Self.codes[code]
        case .signaled(let number): Self.signals[number]?.meaning
        case .failedToStart, .unknown: nil
        }
    }

    private static let codes: [Int32: String] = [
        0: "ended cleanly",
        1: "failed; its log says why",
        2: "wrong command line",
        4: "refused by policy or authentication",
        6: "Redis unreachable",
        7: "timed out",
        64: "wrong command line",
        70: "stuck handler, replaced",
        71: "the system refused a resource",
        75: "a passing failure, to be tried again",
        78: "wrong configuration",
        126: "the program is not executable",
        127: "the program was not found",
        130: "interrupted",
    ]

    private static let signals: [Int32: (name: String, meaning: String)] = [
        1: ("SIGHUP", "hung up"),
        2: ("SIGINT", "interrupted"),
        3: ("SIGQUIT", "quit"),
        4: ("SIGILL", "crashed: illegal instruction, as of a failed check"),
        5: ("SIGTRAP", "crashed: failed check"),
        6: ("SIGABRT", "aborted itself"),
        7: ("SIGBUS", "crashed: bus error"),
        8: ("SIGFPE", "crashed: arithmetic error"),
        9: ("SIGKILL", "killed from outside, perhaps by the kernel when memory ran out"),
        11: ("SIGSEGV", "crashed: bad memory access"),
        13: ("SIGPIPE", "wrote to a closed pipe"),
        14: ("SIGALRM", "its alarm rang"),
        15: ("SIGTERM", "told to stop; this process itself did not drain"),
        24: ("SIGXCPU", "used up its processor time"),
        25: ("SIGXFSZ", "wrote more than its file size limit"),
        31: ("SIGSYS", "made a forbidden system call"),
    ]
}

extension WorkerExit: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exited(let code):
            "exit code \(code)" + (meaning.map { " (\($0))" } ?? "")
        case .signaled(let number):
            (Self.signals[number]?.name ?? "signal \(number)") + (meaning.map { " (\($0))" } ?? "")
        case .failedToStart(let reason):
            "not started: \(reason)"
        case .unknown(let reason):
            "ended, nobody knows how: \(reason)"
        }
    }
}
