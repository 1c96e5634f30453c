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
        let word = Array("\(name)=\(value)".utf8)
        guard let bytes = SmallFile.bytes("/proc/\(pid)/environ", atMost: 1 << 20) else { return false }
        return bytes.split(separator: 0).contains { $0.elementsEqual(word) }
    }
}

/// What the kernel says of all processes.
package enum ProcessTable {
    /// The processes of a group that have not ended.
    ///
    /// A process that ended and that nobody has reaped is still in its group for `kill(2)`, but not here.
    package static func members(ofGroup group: Int32) -> [Int32] {
        all.filter { pid in
            guard let words = state(of: pid), !hasEnded(words), words.count > 2 else { return false }
            return words[2] == "\(group)"
        }
    }

    /// The ids of all processes that this one can see.
    package static var all: [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let pid = Int32(name) { found.append(pid) }
        }
        return found
    }

    /// The words of the kernel's account of a process from its state on (proc_pid_stat(5), field 3); nil when it is gone.
    static func state(of pid: Int32) -> [Substring]? {
        // The name stands in brackets and may hold anything.
        guard let text = SmallFile.text("/proc/\(pid)/stat", atMost: 4_096), let end = text.lastIndex(of: ")") else {
            return nil
        }
        return text[text.index(after: end)...].split(separator: " ")
    }

    /// Whether the words are those of a process that has ended.
    static func hasEnded(_ words: [Substring]) -> Bool { words.first.map { $0 == "Z" || $0 == "X" } ?? true }
}
