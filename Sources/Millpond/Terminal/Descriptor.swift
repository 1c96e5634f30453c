import Glibc

/// Whole writes to a file descriptor.
enum Descriptor {
    /// Writes all bytes, whatever the kernel takes at a time.
    static func write(_ bytes: [UInt8], to descriptor: Int32) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else {
                try recover(from: errno, descriptor)
            }
        }
    }

    private static func recover(from code: Int32, _ descriptor: Int32) throws(CommandFailure) {
        switch code {
        case EINTR:
            return
        case EAGAIN:
            // Somebody who shares the descriptor made it non-blocking.
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&waiting, 1, 1_000)
        case EPIPE:
            throw CommandFailure(.outputClosed, "nobody reads the output")
        default:
            throw CommandFailure(
                .failure,
                "the output could not be written: \(String(cString: strerror(code)))",
                hint: "check the disk and the file that the output goes to"
            )
        }
    }
}

/// The process' environment, read only.
package enum Environment {
    /// A variable's value; nil when it is unset or empty.
    package static func value(_ name: String) -> String? {
        guard let pointer = getenv(name), pointer.pointee != 0 else { return nil }
        return String(cString: pointer)
    }
}
