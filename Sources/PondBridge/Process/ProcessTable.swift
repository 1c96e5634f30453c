import Glibc

/// The processes of this machine, as far as this one sees them.
enum ProcessTable {
    static func all() -> [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let process = Int32(name) { found.append(process) }
        }
        return found
    }

    /// Whether a process of the group has not ended.
    static func hasRunning(inGroup group: Int32) -> Bool { all().contains { ChildUsage.isRunning($0, inGroup: group) } }
}
