import Glibc

/// What the kernel says of all processes.
package enum ProcessTable {
    /// The processes of a group that have not ended.
    ///
    /// A process that ended and that nobody has reaped is still in its group for `kill(2)`, but not here.
    package static func members(ofGroup group: Int32) -> [Int32] {
        all.filter { isRunning($0, inGroup: group) }
    }

    /// Whether a process of the group has not ended.
    package static func hasRunning(inGroup group: Int32) -> Bool { all.contains { isRunning($0, inGroup: group) } }

    private static func isRunning(_ pid: Int32, inGroup group: Int32) -> Bool {
        guard let words = state(of: pid), !hasEnded(words), words.count > 2 else { return false }
        return words[2] == "\(group)"
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

    /// Whether the environment of a process, as it was started, has this word, as in `NAME=value`; false when it cannot be read.
    ///
    /// - Parameter bytesMax: how much of the environment is looked at, in bytes.
    package static func wasStarted(
        _ pid: Int32,
        with word: [UInt8],
        atMost bytesMax: Int = SmallFile.bytesMax
    ) -> Bool {
        guard let bytes = SmallFile.bytes("/proc/\(pid)/environ", atMost: bytesMax) else { return false }
        return bytes.split(separator: 0).contains { $0.elementsEqual(word) }
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
