import Glibc

/// Files that people name, read whole and never further than a bound.
package enum BoundedFile {
    /// Why a file was not read.
    package struct Obstacle: Error, Sendable {
        /// The kernel's number for it; nil when the file is too long.
        let code: Int32?
        /// The same in words.
        package let reason: String

        static func kernel(_ code: Int32) -> Obstacle {
            Obstacle(code: code, reason: String(cString: strerror(code)))
        }
    }

    /// The file's bytes.
    package static func read(_ path: String, atMost bytesMax: Int) throws(Obstacle) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .kernel(errno) }
        defer { close(descriptor) }
        return try read(descriptor, atMost: bytesMax)
    }

    /// All that is left to read from a descriptor.
    package static func read(_ descriptor: Int32, atMost bytesMax: Int) throws(Obstacle) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(65_536, bytesMax + 1))
        while bytes.count <= bytesMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count > 0 { bytes += buffer.prefix(count) }
            if count < 0, errno != EINTR { throw .kernel(errno) }
        }
        throw Obstacle(code: nil, reason: "it is longer than \(bytesMax) bytes")
    }
}
