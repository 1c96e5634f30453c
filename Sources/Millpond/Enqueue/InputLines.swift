import Glibc

/// The lines of a descriptor, in the pieces in which they arrive.
///
/// A read takes what is there: what somebody types or a slow program writes is passed on at once.
package struct InputLines {
    /// A line and its number, from 1.
    package struct Line: Sendable, Hashable {
        /// Where it is in the input.
        package let number: Int
        /// The line without its end.
        package let bytes: [UInt8]
    }

    /// Why reading stopped.
    package struct Failure: Error, Hashable {
        /// The line it stopped in.
        package let line: Int
        /// What is wrong with it, after "line 3".
        package let reason: String
    }

    private let descriptor: Int32
    private let bytesMax: Int
    private var started: [UInt8] = []
    private var next = 1
    private var isAtEnd = false

    private static let chunkBytes = 65_536

    /// - Parameter bytesMax: the longest line, without its end.
    package init(_ descriptor: Int32 = 0, bytesMax: Int) {
        self.descriptor = descriptor
        self.bytesMax = bytesMax
    }

    /// The lines that came next, without their line ends; nil at the end.
    ///
    /// Blocks until there is one or more.
    /// - Returns: the whole lines, and the failure that follows them if there is one; then there is nothing more.
    package mutating func read() -> (lines: [Line], failure: Failure?)? {
        var lines: [Line] = []
        while lines.isEmpty && !isAtEnd {
            do throws(Failure) {
                let chunk = try readChunk()
                isAtEnd = chunk.isEmpty
                try split(chunk, into: &lines)
                // The last line may lack its end.
                if isAtEnd, !started.isEmpty { lines.append(try takeLine()) }
            } catch {
                isAtEnd = true
                return (lines, error)
            }
        }
        return lines.isEmpty ? nil : (lines, nil)
    }

    private mutating func split(_ chunk: [UInt8], into lines: inout [Line]) throws(Failure) {
        for (offset, piece) in chunk.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            // Each piece but the first comes after a line end, which ends what was started.
            if offset > 0 { lines.append(try takeLine()) }
            started += piece
            // One more for the carriage return of a line end.
            if started.count > bytesMax + 1 { throw tooLong }
        }
    }

    private mutating func takeLine() throws(Failure) -> Line {
        if started.last == UInt8(ascii: "\r") { started.removeLast() }
        if started.count > bytesMax { throw tooLong }
        defer {
            next += 1
            started.removeAll(keepingCapacity: true)
        }
        return Line(number: next, bytes: started)
    }

    private var tooLong: Failure { Failure(line: next, reason: "is longer than \(bytesMax) bytes") }

    private func readChunk() throws(Failure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count >= 0 { return Array(buffer.prefix(count)) }
            if errno == EINTR { continue }
            guard errno == EAGAIN else {
                throw Failure(line: next, reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
            // Somebody who shares the descriptor made it non-blocking.
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&waiting, 1, 1_000)
        }
    }
}
