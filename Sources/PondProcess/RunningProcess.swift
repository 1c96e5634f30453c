import Glibc

/// A process that is not a child of this one, by its id and the time of its start: ids are given again, both together are not.
package struct RunningProcess: Sendable, Hashable {
    /// Its process id.
    package let pid: Int32
    private let started: Substring

    /// The process with this id; nil when there is none, or when it has ended and is not reaped.
    package init?(_ pid: Int32) {
        guard pid > 1, let words = ProcessTable.state(of: pid), !ProcessTable.hasEnded(words), words.count > 19 else {
            return nil
        }
        self.pid = pid
        started = words[19]
    }

    /// Whether it has not ended.
    package var isAlive: Bool { RunningProcess(pid) == self }

    /// Signals it.
    ///
    /// - Returns: false when it has ended, or when this process may not.
    package func send(_ signal: Int32) -> Bool { isAlive && kill(pid, signal) == 0 }

    /// Whether its environment, as it was started, has a variable with this value; false when it cannot be read.
    package func wasStarted(with name: String, _ value: String) -> Bool {
        ProcessTable.wasStarted(pid, with: Array("\(name)=\(value)".utf8), atMost: 1 << 20)
    }
}
