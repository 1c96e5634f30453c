import Glibc

/// Processes, as the system sees them.
package enum ProcessTable {
    /// A process that carries the run's mark in its environment, because the run started it or one of its children did.
    package struct Entry: Sendable, Hashable {
        package let pid: Int32
        package let parent: Int32
        package let isZombie: Bool
        /// The first word after the program's name: the role.
        package let role: String
    }

    /// The processes that were started with a variable in their environment, by number.
    ///
    /// A zombie has no environment any more, so zombies are found by their parent, see ``zombies(of:)``.
    package static func marked(_ mark: String) -> [Entry] {
        numbers().sorted().compactMap { pid in
            let variables = bytes("/proc/\(pid)/environ").split(separator: 0)
            guard variables.contains(where: { $0.elementsEqual(mark.utf8) }), let status = status(pid) else {
                return nil
            }
            let words = bytes("/proc/\(pid)/cmdline").split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            let role = words.count > 1 ? words[1] : ""
            return Entry(pid: pid, parent: status.parent, isZombie: status.state == "Z", role: role)
        }
    }

    /// Ended children of a process that it has not reaped.
    package static func zombies(of parents: Set<Int32>) -> [Int32] {
        numbers().filter { pid in status(pid).map { $0.state == "Z" && parents.contains($0.parent) } ?? false }
    }

    /// How many descriptors a process has open, nil when it is gone.
    package static func descriptors(of pid: Int32) -> Int? {
        let names = entries("/proc/\(pid)/fd")
        return names.isEmpty ? nil : names.count
    }

    /// A variable of another process' environment.
    package static func variable(_ name: String, of pid: Int32) -> String? {
        let prefix = Array("\(name)=".utf8)
        let found = bytes("/proc/\(pid)/environ").split(separator: 0).first { $0.starts(with: prefix) }
        return found.map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) }
    }

    private static func status(_ pid: Int32) -> (state: Character, parent: Int32)? {
        let text = String(decoding: bytes("/proc/\(pid)/stat"), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let words = text[end...].split(separator: " ")
        guard words.count > 2, let state = words[1].first, let parent = Int32(words[2]) else { return nil }
        return (state, parent)
    }

    private static func numbers() -> [Int32] { entries("/proc").compactMap { Int32($0) } }

    private static func entries(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var found: [String] = []
        while let entry = readdir(folder) {
            found.append(
                withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            )
        }
        return found.filter { $0 != "." && $0 != ".." }
    }

    private static func bytes(_ path: String) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while case let count = read(file, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
        return bytes
    }
}
