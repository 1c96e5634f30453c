// Control groups of the kernel, as far as a supervisor needs them: how much memory and processor time its own group has,
// how long its group waits for them, and a group of its own for each worker. Both hierarchies are known, the unified one
// (v2) and the older one of a mount a controller (v1). What the system does not allow is said once and done without.

import Glibc
import PondProcess

/// A control group, in the hierarchy of one controller.
package struct ControlGroup: Sendable, Hashable {
    /// Its directory.
    package let path: String
    /// Whether it is of the unified hierarchy.
    package let isUnified: Bool
    /// The directory of its hierarchy's top that this process sees.
    package let top: String

    /// A group at a directory.
    ///
    /// - Parameter top: Defaults to the same directory.
    package init(path: String, isUnified: Bool, top: String? = nil) {
        (self.path, self.isUnified, self.top) = (path, isUnified, top ?? path)
    }

    /// The group that this process is in; nil where there is none with the controller.
    ///
    /// - Parameters:
    ///   - controller: as the kernel calls it: `memory`, `cpu`.
    ///   - root: the folder that stands for `/`. Defaults to the machine's own.
    package static func own(_ controller: String, root: String = "") -> ControlGroup? {
        guard let groups = SmallFile.text(root + "/proc/self/cgroup"),
            let mounts = SmallFile.text(root + "/proc/self/mounts")
        else { return nil }
        return find(controller, groups: groups, mounts: mounts, root: root)?.visible
    }

    /// The group of a controller that texts in the form of /proc/self/cgroup and /proc/self/mounts name.
    package static func find(
        _ controller: String,
        groups: String,
        mounts: String,
        root: String = ""
    ) -> ControlGroup? {
        var unified: String?
        var older: String?
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0" { unified = String(parts[2]) }
            if parts[1].split(separator: ",").contains(Substring(controller)) { older = String(parts[2]) }
        }
        let mounts = mounts.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count > 3 }
        for words in mounts where words[2] == "cgroup" {
            guard let older, words[3].split(separator: ",").contains(Substring(controller)) else { continue }
            return group(older, below: root + words[1], isUnified: false)
        }
        for words in mounts where words[2] == "cgroup2" {
            if let unified { return group(unified, below: root + words[1], isUnified: true) }
        }
        return nil
    }

    private static func group(_ name: String, below top: String, isUnified: Bool) -> ControlGroup {
        ControlGroup(path: name == "/" ? top : top + name, isUnified: isUnified, top: top)
    }

    /// The group itself, or the top where a container shows no more of the hierarchy.
    private var visible: ControlGroup {
        access(path, F_OK) == 0 ? self : ControlGroup(path: top, isUnified: isUnified, top: top)
    }

    /// This group and those above it: the limits of all of them count.
    private var ancestry: [ControlGroup] {
        var found: [ControlGroup] = []
        var path = path
        while path.hasPrefix(top) {
            found.append(ControlGroup(path: path, isUnified: isUnified, top: top))
            guard path != top, let slash = path.lastIndex(of: "/") else { break }
            path = String(path[..<slash])
        }
        return found
    }

    /// Memory that this group may still take, in bytes; nil when it has no limit.
    package var memoryLeft: Int64? { ancestry.compactMap(\.ownMemoryLeft).min() }

    /// Memory that this group may have at most, in bytes; nil when it has no limit.
    package var memoryMax: Int64? { ancestry.compactMap(\.ownMemoryMax).min() }

    /// Processors that this group may use, as a number that need not be whole; nil when it has no limit.
    package var processorsMax: Double? { ancestry.compactMap(\.ownProcessorsMax).min() }

    /// The text of the group's account of waiting for a resource, as in /proc/pressure; nil where the kernel keeps none.
    package func pressure(_ resource: String) -> String? {
        isUnified ? SmallFile.text("\(path)/\(resource).pressure") : nil
    }

    private var ownMemoryMax: Int64? {
        // Above memory.high the kernel makes processes wait, so nothing is to be planned with it.
        let limits = isUnified ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"]
        return limits.compactMap(number).filter { $0 < 1 << 60 }.min()
    }

    private var ownMemoryLeft: Int64? {
        guard let most = ownMemoryMax, let used = number(isUnified ? "memory.current" : "memory.usage_in_bytes") else {
            return nil
        }
        // What was read from files and not used since is given up when somebody needs the room.
        let idle = ControlGroup.idleFileBytes(in: SmallFile.text("\(path)/memory.stat") ?? "")
        return max(0, most - max(0, used - idle))
    }

    private var ownProcessorsMax: Double? {
        let quota: Int64?
        let period: Int64?
        if isUnified {
            let words = SmallFile.text("\(path)/cpu.max")?.split { $0 == " " || $0 == "\n" } ?? []
            quota = words.first.flatMap { Int64($0) }
            period = words.dropFirst().first.flatMap { Int64($0) } ?? 100_000
        } else {
            // Without a quota it is -1, which is no number here.
            (quota, period) = (number("cpu.cfs_quota_us"), number("cpu.cfs_period_us"))
        }
        guard let quota, let period, quota > 0, period > 0 else { return nil }
        return Double(quota) / Double(period)
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
        SmallFile.text("\(path)/\(file)").flatMap { Int64($0.prefix { $0.isASCII && $0.isNumber }) }
    }

    /// Puts a process into a new group below this one that ends it when it takes more memory.
    ///
    /// - Parameter leader: whose group it is, when a script has started the process. Defaults to its own.
    /// - Returns: why that is not possible, nil when it is done.
    package func limit(_ pid: Int32, of leader: Int32? = nil, memoryMax: Int64) -> String? {
        let child = "\(path)/\(ControlGroup.name(of: leader ?? pid))"
        guard mkdir(child, 0o755) == 0 || errno == EEXIST else { return String(cString: strerror(errno)) }
        let file = isUnified ? "memory.max" : "memory.limit_in_bytes"
        let problem =
            SmallFile.write("\(memoryMax)", to: "\(child)/\(file)")
            ?? SmallFile.write("\(pid)", to: "\(child)/cgroup.procs")
        if problem != nil, leader == nil { rmdir(child) }
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
