package import NIOCore

/// Writes commands as RESP arrays of bulk strings, straight into a buffer.
package enum CommandEncoder {
    /// An upper bound of the encoded size; nil when the command is larger than `Limits` allow.
    package static func sizeBound(of command: RedisCommand) -> Int? {
        guard command.arguments.count <= Limits.argumentsMax else { return nil }
        var size = headBytesMax
        for argument in command.arguments {
            let count = argument.byteCountBound
            guard count <= Limits.argumentBytesMax else { return nil }
            size += headBytesMax + count + 2
        }
        return size <= Limits.callBytesMax ? size : nil
    }

    /// Appends the encoded command to `buffer`.
    package static func encode(_ command: RedisCommand, sizeBound: Int, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: sizeBound) { bytes in
            var writer = RESPWriter(bytes)
            writer.writeHead("*", command.arguments.count)
            for argument in command.arguments {
                switch argument {
                case .text(let text): writer.writeBulk(text)
                case .bytes(let bytes): bytes.withUnsafeBytes { writer.writeBulk($0) }
                case .integer(let value): writer.writeBulk(value)
                }
            }
            return writer.count
        }
    }

    /// A type byte, up to 20 digits and a line end.
    private static let headBytesMax = 23
}

extension RedisArgument {
    fileprivate var byteCountBound: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .integer: 20
        }
    }
}

/// A cursor over memory that `CommandEncoder.sizeBound` has made large enough for the command.
private struct RESPWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func writeHead(_ type: Unicode.Scalar, _ number: Int) {
        write(UInt8(ascii: type))
        writeDigits(of: UInt64(number))
        writeLineEnd()
    }

    mutating func writeBulk(_ text: String) {
        var text = text
        text.withUTF8 { writeBulk(UnsafeRawBufferPointer($0)) }
    }

    mutating func writeBulk(_ content: UnsafeRawBufferPointer) {
        writeHead("$", content.count)
        UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).copyMemory(from: content)
        count += content.count
        writeLineEnd()
    }

    mutating func writeBulk(_ value: Int64) {
        writeHead("$", digitCount(of: value.magnitude) + (value < 0 ? 1 : 0))
        if value < 0 { write(UInt8(ascii: "-")) }
        writeDigits(of: value.magnitude)
        writeLineEnd()
    }

    private mutating func writeDigits(of number: UInt64) {
        let digits = digitCount(of: number)
        var rest = number
        for offset in stride(from: digits - 1, through: 0, by: -1) {
            bytes[count + offset] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    private func digitCount(of number: UInt64) -> Int {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        return digits
    }

    private mutating func writeLineEnd() {
        write(0x0d)
        write(0x0a)
    }

    private mutating func write(_ byte: UInt8) {
        bytes[count] = byte
        count += 1
    }
}
