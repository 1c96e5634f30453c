import Glibc

/// Small files of the kernel, which have no size and are read at once.
package enum SmallFile {
    /// What is read of one file unless the caller says otherwise, in bytes.
    package static let bytesMax = 65_536

    /// At most so many bytes of the file, nil when it cannot be read.
    package static func bytes(_ path: String, atMost bytesMax: Int = SmallFile.bytesMax) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: bytesMax) { buffer, count in
            let result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            failed = result < 0
            count = max(0, result)
        }
        return failed ? nil : bytes
    }

    /// The same as text.
    package static func text(_ path: String, atMost bytesMax: Int = SmallFile.bytesMax) -> String? {
        bytes(path, atMost: bytesMax).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes a text to a file that exists.
    ///
    /// - Returns: what went wrong, nil when nothing did.
    package static func write(_ text: String, to path: String) -> String? {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        return Glibc.write(descriptor, bytes, bytes.count) == bytes.count ? nil : String(cString: strerror(errno))
    }
}
