import Glibc

/// The bytes of a descriptor, in the chunks in which they arrive.
///
/// A read takes what is there: what somebody types or a slow program writes is passed on at once.
struct InputChunks {
    /// Why the descriptor cannot be read.
    struct Obstacle: Error {
        let reason: String
    }

    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    /// What some programs put before a text in UTF-8; it is no part of the first piece.
    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
    private var isStarted = false

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next bytes, without a byte order mark before the first; empty at the end.
    mutating func read() throws(Obstacle) -> ArraySlice<UInt8> {
        guard !isStarted else { return try readChunk() }
        isStarted = true
        var first: [UInt8] = []
        // The mark may come in pieces.
        while first.count < Self.byteOrderMark.count, Self.byteOrderMark.starts(with: first) {
            let chunk = try readChunk()
            if chunk.isEmpty { return first[...] }
            first += chunk
        }
        guard first.starts(with: Self.byteOrderMark) else { return first[...] }
        let rest = first.dropFirst(Self.byteOrderMark.count)
        return rest.isEmpty ? try readChunk() : rest
    }

    private mutating func readChunk() throws(Obstacle) -> ArraySlice<UInt8> {
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count >= 0 { return buffer[..<count] }
            if errno == EINTR { continue }
            guard errno == EAGAIN else {
                throw Obstacle(reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
            // Somebody who shares the descriptor made it non-blocking.
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&waiting, 1, 1_000)
        }
    }
}
