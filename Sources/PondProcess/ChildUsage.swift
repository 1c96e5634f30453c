import Glibc

/// What the kernel knows of a child process.
package enum ChildUsage {
    private static let ticksPerSecond = max(1, sysconf(Int32(_SC_CLK_TCK)))

    /// What the children took that the process has waited for, to a hundredth of a second; nil when it is gone.
    package static func children(_ process: Int32) -> Duration? {
        let words = ProcessTable.state(of: process) ?? []
        // Of the words after the name these are cutime and cstime (proc_pid_stat(5), fields 16 and 17).
        guard words.count > 14, let user = Int(words[13]), let system = Int(words[14]) else { return nil }
        return .milliseconds((user + system) * 1_000 / ticksPerSecond)
    }

    /// Whether the process has not ended, though perhaps nobody has waited for it yet.
    package static func isRunning(_ process: Int32) -> Bool {
        ProcessTable.state(of: process).map { !ProcessTable.hasEnded($0) } ?? false
    }

    /// Whether a child of this process has not ended; asked of the kernel in a microsecond, for what is asked twice a job.
    package static func isRunningChild(_ process: Int32) -> Bool {
        var information = siginfo_t()
        // It is not reaped by this.
        return waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | WNOHANG) == 0
            && information.si_signo == 0
    }
}
