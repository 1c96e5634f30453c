import Glibc

/// Whether the process can open what it is about to need.
///
/// Asked before a spawn, because the library that spawns stops the process when a pipe cannot be made half-way, and never
/// notices the end of a child whose handle it could not open.
package enum SpareDescriptors {
    /// The most that one spawn opens at a time.
    package static let forSpawn = 16

    /// What the system says when it will not open so many more; nil when it will.
    package static func obstacle(_ count: Int = forSpawn) -> Int32? {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<count {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return errno }
            opened.append(descriptor)
        }
        return nil
    }
}
