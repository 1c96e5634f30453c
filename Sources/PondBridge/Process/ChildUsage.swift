import Glibc

/// CPU time of a child process, as the kernel counts it.
enum ChildUsage {
    private static let ticksPerSecond = max(1, sysconf(Int32(_SC_CLK_TCK)))

    /// What all threads of the process took; nil when it is gone.
    ///
    /// Exact, and cheap enough to be asked twice a job. It can also be asked of a process that has ended and was not waited
    /// for yet.
    static func own(_ process: Int32) -> Duration? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// What the children took that the process has waited for, to a hundredth of a second; nil when it is gone.
    static func children(_ process: Int32) -> Duration? {
        let words = state(process)
        // Of the words after the name these are cutime and cstime (proc_pid_stat(5), fields 16 and 17).
        guard words.count > 14, let user = Int(words[13]), let system = Int(words[14]) else { return nil }
        return .milliseconds((user + system) * 1_000 / ticksPerSecond)
    }

    /// Whether the process has not ended, though perhaps nobody has waited for it yet.
    static func isRunning(_ process: Int32) -> Bool {
        state(process).first.map { $0 != "Z" && $0 != "X" } ?? false
    }

    /// The words of the kernel's account of a process from its state on, none when it is gone.
    private static func state(_ process: Int32) -> [Substring] {
        // The name stands in brackets and may hold anything.
        guard let text = SmallFile.read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return [] }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
