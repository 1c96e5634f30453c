import NIOCore
import PondRedis
import Testing

@Suite struct CommandEncoderTests {
    func encoded(_ command: RedisCommand) throws -> String {
        var buffer = ByteBuffer()
        let bound = try #require(CommandEncoder.sizeBound(of: command))
        CommandEncoder.encode(command, sizeBound: bound, into: &buffer)
        #expect(buffer.readableBytes <= bound)
        return String(buffer: buffer)
    }

    @Test func `a command is an array of bulk strings`() throws {
        let command = RedisCommand("SET", "clé", .bytes([0x61, 0x62]), 12)
        #expect(try encoded(command) == "*4\r\n$3\r\nSET\r\n$4\r\nclé\r\n$2\r\nab\r\n$2\r\n12\r\n")
    }

    @Test func `NUL, line ends and nothing at all are content`() throws {
        let command = RedisCommand("X", "a\0b", "\r\n", "", .bytes([]))
        #expect(try encoded(command) == "*5\r\n$1\r\nX\r\n$3\r\na\0b\r\n$2\r\n\r\n\r\n$0\r\n\r\n$0\r\n\r\n")
    }

    @Test(arguments: [0, 9, 10, -1, -10, 99, 100, .max, .min] as [Int64])
    func `numbers are written in decimal`(value: Int64) throws {
        let text = "\(value)"
        #expect(
            try encoded(RedisCommand("X", .integer(value))) == "*2\r\n$1\r\nX\r\n$\(text.utf8.count)\r\n\(text)\r\n"
        )
    }

    @Test func `a literal, an interpolation and a number of another type are arguments`() {
        let count: UInt16 = 3
        #expect(RedisCommand("X", "a\(count)", .number(count)).arguments == [.text("X"), .text("a3"), .integer(3)])
    }

    @Test func `more arguments than a server takes have no size`() {
        #expect(CommandEncoder.sizeBound(of: RedisCommand("X", Array(repeating: "a", count: 1 << 20))) == nil)
    }

    @Test func `commands follow each other in one buffer`() throws {
        var buffer = ByteBuffer()
        for _ in 0..<3 {
            let command = RedisCommand("PING")
            CommandEncoder.encode(
                command,
                sizeBound: try #require(CommandEncoder.sizeBound(of: command)),
                into: &buffer
            )
        }
        #expect(String(buffer: buffer) == String(repeating: "*1\r\n$4\r\nPING\r\n", count: 3))
    }
}

@Suite struct RESPValueTests {
    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("12", 12), ("-7", -7), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("", nil), ("-", nil), ("+1", nil), (" 1", nil), ("1 ", nil), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("00000000000000000000", nil), ("1e3", nil), ("١", nil),
        ] as [(String, Int64?)]
    )
    func `a bulk string is a number when it is nothing but one`(text: String, value: Int64?) {
        #expect(RESPValue.bulk(Array(text.utf8)).int == value)
    }

    @Test func `each helper answers for its own cases only`() {
        #expect(RESPValue.bulk([0xff]).string == nil)
        #expect(RESPValue.bulk([0x61]).string == "a")
        #expect(RESPValue.simple("OK").string == "OK")
        #expect(RESPValue.error("ERR").string == nil)
        #expect(RESPValue.simple("OK").bytes == [0x4f, 0x4b])
        #expect(RESPValue.integer(1).bytes == nil)
        #expect(RESPValue.integer(1).int == 1)
        #expect(RESPValue.array([.null]).array == [.null])
        #expect(RESPValue.null.isNull)
        #expect(!RESPValue.array([]).isNull)
    }
}
