// hiredis' reader as a codec: bytes in, owned values out. hiredis owns no object of ours: its callbacks append flat
// tokens to a `ReplyTokens`, and what they hand back to it is one address that it neither reads nor frees. Checked here
// because hiredis 0.14 does not: the line end after a bulk string, and every size before memory is spent on it.
// What it cannot do: RESP3 (never send HELLO 3), and replies nested deeper than 8 arrays.

import CHiredis
import Glibc

/// Turns the bytes of one connection into replies; after an error it is of no more use.
package final class ReplyParser {
    private let reader: UnsafeMutablePointer<redisReader>
    private let callbacks: UnsafeMutablePointer<redisReplyObjectFunctions>
    /// At an address of its own: C adds to it, and a class would be looked at for overlapping accesses each time.
    private let tokens: UnsafeMutablePointer<ReplyTokens>
    private let replyBytesMax: Int
    /// The first bytes of the reply that is being read, for the error message: hiredis drops them when it fails.
    private let firstBytes: UnsafeMutablePointer<CChar>
    private var firstBytesCount = 0
    private var violation: RedisError?

    /// A parser that refuses a reply of more than `replyBytesMax` bytes.
    package init(replyBytesMax: Int) {
        self.replyBytesMax = replyBytesMax
        tokens = .allocate(capacity: 1)
        tokens.initialize(to: ReplyTokens(bytesMax: replyBytesMax))
        callbacks = .allocate(capacity: 1)
        callbacks.initialize(to: makeReplyCallbacks())
        firstBytes = .allocate(capacity: Limits.violationBytesShown)
        guard let reader = redisReaderCreateWithFunctions(callbacks) else {
            preconditionFailure("out of memory for a reply parser")
        }
        self.reader = reader
        reader.pointee.privdata = UnsafeMutableRawPointer(tokens)
        reader.pointee.maxbuf = Limits.parseBufferBytesKept
    }

    deinit {
        redisReaderFree(reader)
        callbacks.deinitialize(count: 1)
        callbacks.deallocate()
        tokens.deinitialize(count: 1)
        tokens.deallocate()
        firstBytes.deallocate()
    }

    /// Takes bytes from the connection; `next()` gives the replies in them.
    package func feed(_ bytes: UnsafeRawBufferPointer) {
        guard violation == nil, let base = bytes.baseAddress, !bytes.isEmpty else { return }
        if redisReaderFeed(reader, base.assumingMemoryBound(to: CChar.self), bytes.count) != REDIS_OK {
            violation = violated(errorText)
        }
    }

    /// The next whole reply, or nil when more bytes are needed.
    ///
    /// - Parameter isFlat: whether an array is to be left as it was read; asked of arrays alone.
    /// - Throws: `RedisError.Code.protocolViolation`, from then on every time.
    package func next(isFlat: @autoclosure () -> Bool = false) throws(RedisError) -> RESPValue? {
        if let violation { throw violation }
        if reader.pointee.ridx == -1 { noteFirstBytes() }
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else {
            throw fail(tokens.pointee.refusal ?? errorText)
        }
        if object == nil {
            if let refusal = refusalOfUnreadBytes() { throw fail(refusal) }
            return nil
        }
        guard let value = tokens.pointee.takeReply(isFlat: isFlat()) else {
            throw fail("a type of another protocol version")
        }
        return value
    }

    /// What hiredis would wait for, for ever or in memory that we do not want to give.
    private func refusalOfUnreadBytes() -> String? {
        let count = reader.pointee.len - reader.pointee.pos
        guard count > 0, let start = reader.pointee.buf?.advanced(by: Int(reader.pointee.pos)) else { return nil }
        guard pond_reader_type(reader) == REDIS_REPLY_STRING else {
            return count > Limits.replyLineBytesMax ? "a line longer than \(Limits.replyLineBytesMax) bytes" : nil
        }
        var length = 0
        // A length has 20 bytes at most; hiredis checks its digits when the line is complete.
        for index in 0..<min(Int(count), 21) {
            guard (0x30...0x39).contains(start[index]) else { return nil }
            length = length &* 10 &+ Int(start[index] - 0x30)
            if length > replyBytesMax - tokens.pointee.byteCount { return "a reply larger than \(replyBytesMax) bytes" }
        }
        return count > 20 ? "a bulk length without an end" : nil
    }

    private func noteFirstBytes() {
        let pointee = reader.pointee
        guard let buffer = pointee.buf, pointee.len > pointee.pos else { return }
        firstBytesCount = min(Int(pointee.len - pointee.pos), Limits.violationBytesShown)
        memcpy(firstBytes, buffer + Int(pointee.pos), firstBytesCount)
    }

    private func fail(_ reason: String) -> RedisError {
        let error = violated(reason)
        violation = error
        return error
    }

    private func violated(_ reason: String) -> RedisError {
        let bytes = UnsafeBufferPointer(start: firstBytes, count: firstBytesCount)
        let shown = bytes.map { printable(UInt8(bitPattern: $0)) }.joined()
        return RedisError(
            .protocolViolation,
            "the server sent a malformed or oversized reply (\(reason)) that begins with \"\(shown)\"; "
                + "is a Redis server at this address, and does it speak plain RESP2?"
        )
    }

    private func printable(_ byte: UInt8) -> String {
        switch byte {
        case 0x0d: "\\r"
        case 0x0a: "\\n"
        case 0x20...0x7e: String(Unicode.Scalar(byte))
        default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }

    private var errorText: String { String(cString: pond_reader_error(reader)) }
}
