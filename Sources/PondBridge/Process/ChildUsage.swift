import Glibc

/// What the kernel knows of a child process.
package enum ChildUsage {
    private static let ticksPerSecond = max(1, sysconf(Int32(_SC_CLK_TCK)))

    /// What the children took that the process has waited for, to a hundredth of a second; nil when it is gone.
    static func children(_ process: Int32) -> Duration? {
        let words = state(process)
        // Of the words after the name these are cutime and cstime (proc_pid_stat(5), fields 16 and 17).
        guard words.count > 14, let user = Int(words[13]), let system = Int(words[14]) else { return nil }
        return .milliseconds((user + system) * 1_000 / ticksPerSecond)
    }

    /// Whether the process has not ended, though perhaps nobody has waited for it yet.
    package static func isRunning(_ process: Int32) -> Bool {
        state(process).first.map { $0 != "Z" && $0 != "X" } ?? false
    }

    /// Whether the process has not ended and belongs to the group.
    static func isRunning(_ process: Int32, inGroup group: Int32) -> Bool {
        let words = state(process)
        // State, parent, group (proc_pid_stat(5), fields 3 to 5).
        return words.count > 2 && words[0] != "Z" && words[0] != "X" && words[2] == "\(group)"
    }

    /// Whether a child of this process has not ended; asked of the kernel in a microsecond, for what is asked twice a job.
    static func isRunningChild(_ process: Int32) -> Bool {
        var information = siginfo_t()
        // It is not reaped by this.
        return waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | WNOHANG) == 0
            && information.si_signo == 0
    }

    /// The words of the kernel's account of a process from its state on, none when it is gone.
    private static func state(_ process: Int32) -> [Substring] {
        // The name stands in brackets and may hold anything.
        guard let text = SmallFile.read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return [] }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
