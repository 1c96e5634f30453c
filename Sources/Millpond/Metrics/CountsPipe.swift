import Glibc

// Workers tell their supervisor what they count over one pipe that all of them write to. The kernel keeps a write of up to
// PIPE_BUF bytes whole, also when the writer is killed in it, so each write is a few whole lines, each line stands for
// itself, and nothing is left behind when either side dies. A worker opens the pipe through /proc, because a process that
// is started gets no descriptors but the first three; only the same user can.

/// The supervisor's end: counts what workers tell.
package final class CountsPipe: Sendable {
    /// What workers are told, in ``WorkerEnvironment/metrics``.
    package let address: String
    private let readEnd: Int32
    private let writeEnd: Int32

    /// Makes the pipe and reads from it, in a thread of its own, until ``close()`` and the last worker's end.
    ///
    /// - Parameter onLine: called from that thread.
    /// - Throws: `CommandFailure` when the system gives no pipe or no thread.
    package init(onLine: @escaping @Sendable (String) -> Void) throws(CommandFailure) {
        var ends: [Int32] = [-1, -1]
        var status = stat()
        guard pipe(&ends) == 0, fstat(ends[1], &status) == 0 else {
            throw CommandFailure(
                .failure,
                "no pipe for the metrics of workers: \(String(cString: strerror(errno)))",
                hint: "raise the limit of open files (ulimit -n), or leave out --metrics-port"
            )
        }
        // Nothing has been started yet that could have got them.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (readEnd, writeEnd) = (ends[0], ends[1])
        address = "/proc/\(getpid())/fd/\(writeEnd):\(status.st_ino)"
        let descriptor = readEnd
        try OwnThread.start("to read the metrics of workers") {
            CountsPipe.read(descriptor, onLine)
            _ = Glibc.close(descriptor)
        }
    }

    /// Takes no more workers; what is in the pipe is still read.
    package func close() { _ = Glibc.close(writeEnd) }

    private static func read(_ descriptor: Int32, _ onLine: (String) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var line: [UInt8] = []
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            for byte in buffer.prefix(count) {
                guard byte == UInt8(ascii: "\n") else {
                    // Nothing that a worker writes is longer, so the rest of such a line is no line either.
                    if line.count <= CountsWriter.writeBytesMax { line.append(byte) }
                    continue
                }
                if line.count <= CountsWriter.writeBytesMax { onLine(String(decoding: line, as: UTF8.self)) }
                line.removeAll(keepingCapacity: true)
            }
        }
    }
}

/// A worker's end.
package struct CountsWriter: ~Copyable, Sendable {
    /// What the kernel keeps whole, and more than the longest line takes: PIPE_BUF.
    package static let writeBytesMax = 4_096

    private let descriptor: Int32

    /// Opens the pipe of a supervisor; nil when there is none at the address, or none that this process may open.
    ///
    /// - Parameter address: as ``CountsPipe/address`` says it.
    package init?(address: String) {
        let parts = address.split(separator: ":")
        guard parts.count == 2, let inode = UInt64(parts[1]) else { return nil }
        let opened = open(String(parts[0]), O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        var status = stat()
        // The supervisor may be gone, and its number be another process' by now.
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFIFO, UInt64(status.st_ino) == inode else {
            _ = close(opened)
            return nil
        }
        descriptor = opened
    }

    deinit { _ = close(descriptor) }

    /// Writes all of it or nothing, and never waits.
    ///
    /// - Parameter bytes: whole lines, at most ``writeBytesMax``.
    /// - Returns: false when the pipe is full, or nobody reads it any more.
    package borrowing func write(_ bytes: [UInt8]) -> Bool {
        while true {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            return written == bytes.count
        }
    }
}
