// Control groups of the kernel, as far as a supervisor needs them: how much memory its own group still has, and a group of
// its own for each worker. Both hierarchies are known, the unified one (v2) and the older one of a mount a controller
// (v1). What the system does not allow is said once and done without.

import Glibc

/// A control group with a memory controller.
package struct ControlGroup: Sendable, Hashable {
    /// Its directory.
    package let path: String
    /// Whether it is of the unified hierarchy.
    package let isUnified: Bool

    /// A group at a directory.
    package init(path: String, isUnified: Bool) {
        (self.path, self.isUnified) = (path, isUnified)
    }

    /// The group that this process is in; nil where there is none with a memory controller.
    package static func own() -> ControlGroup? {
        guard let groups = ProcFile.text("/proc/self/cgroup"), let mounts = ProcFile.text("/proc/self/mounts") else {
            return nil
        }
        return find(groups: groups, mounts: mounts)
    }

    /// The memory group that texts in the form of /proc/self/cgroup and /proc/self/mounts name.
    package static func find(groups: String, mounts: String) -> ControlGroup? {
        var unified: String?
        var older: String?
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0" { unified = String(parts[2]) }
            if parts[1].split(separator: ",").contains("memory") { older = String(parts[2]) }
        }
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 3 else { continue }
            if words[2] == "cgroup", let older, words[3].split(separator: ",").contains("memory") {
                return ControlGroup(path: words[1] + older, isUnified: false)
            }
        }
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 2, words[2] == "cgroup2", let unified {
                return ControlGroup(path: words[1] + unified, isUnified: true)
            }
        }
        return nil
    }

    /// Memory that this group may still take, in bytes; nil when it has no limit.
    var memoryLeft: Int64? {
        let (limit, usage) =
            isUnified
            ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
        guard let most = number(limit), most < 1 << 60, let used = number(usage) else { return nil }
        // What was read from files and not used since is given up when somebody needs the room.
        let idle = ControlGroup.idleFileBytes(in: ProcFile.text("\(path)/memory.stat") ?? "")
        return max(0, most - max(0, used - idle))
    }

    /// Bytes of files that are only kept because there was room, by a text in the form of memory.stat.
    package static func idleFileBytes(in text: String) -> Int64 {
        let values = text.split(separator: "\n").reduce(into: [Substring: Int64]()) { values, line in
            let words = line.split(separator: " ")
            if words.count == 2 { values[words[0]] = Int64(words[1]) }
        }
        return values["total_inactive_file"] ?? values["inactive_file"] ?? 0
    }

    private func number(_ file: String) -> Int64? {
        ProcFile.text("\(path)/\(file)").flatMap { Int64($0.prefix { $0.isNumber }) }
    }

    /// Puts a process into a new group below this one that ends it when it takes more memory.
    ///
    /// - Returns: why that is not possible, nil when it is done.
    package func limit(_ pid: Int32, memoryMax: Int64) -> String? {
        let child = "\(path)/\(ControlGroup.name(of: pid))"
        guard mkdir(child, 0o755) == 0 || errno == EEXIST else { return String(cString: strerror(errno)) }
        let file = isUnified ? "memory.max" : "memory.limit_in_bytes"
        let problem =
            ProcFile.write("\(memoryMax)", to: "\(child)/\(file)")
            ?? ProcFile.write("\(pid)", to: "\(child)/cgroup.procs")
        if problem != nil { rmdir(child) }
        return problem
    }

    /// Removes the group of a process that has ended.
    ///
    /// - Returns: false when it has to be tried again: somebody whom the process started is not quite gone.
    package func forget(_ pid: Int32) -> Bool {
        rmdir("\(path)/\(ControlGroup.name(of: pid))") == 0 || errno != EBUSY
    }

    private static func name(of pid: Int32) -> String { "millpond-worker-\(pid)" }
}
