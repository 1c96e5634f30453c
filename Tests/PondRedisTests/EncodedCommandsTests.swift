import NIOCore
import PondRedis
import Testing

@Suite struct EncodedCommandsTests {
    func encoded(_ command: RedisCommand) throws -> String {
        String(buffer: try EncodedCommands(command).bytes)
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

    @Test func `more arguments than a server takes are refused`() throws {
        let words = Array(repeating: RedisArgument.text("a"), count: 1 << 20)
        let error = #expect(throws: RedisError.self) { try EncodedCommands(RedisCommand("X", words)) }
        #expect(error?.code == .tooLarge)
        #expect(try EncodedCommands(RedisCommand("X", Array(words.dropLast()))).count == 1)
    }

    @Test func `commands follow each other`() throws {
        var commands = EncodedCommands()
        for _ in 0..<3 { try commands.append(RedisCommand("PING")) }
        #expect(commands.count == 3)
        #expect(String(buffer: commands.bytes) == String(repeating: "*1\r\n$4\r\nPING\r\n", count: 3))
    }

    @Test func `words that are written one by one are the same as a command's`() throws {
        var commands = EncodedCommands()
        try commands.append("SET", words: 4, contentBytesMax: 3 + 5 + 2 + 20) { writer in
            writer.write("SET")
            writer.write("clé\0")
            writer.write([0x61, 0xff])
            writer.write(-12)
        }
        #expect(commands == (try EncodedCommands(RedisCommand("SET", "clé\0", .bytes([0x61, 0xff]), -12))))
    }

    @Test func `more than one call may carry is refused, and what was there stays`() throws {
        var commands = try EncodedCommands(RedisCommand("PING"))
        let error = #expect(throws: RedisError.self) {
            try commands.append("HUGE", words: 1, contentBytesMax: 1 << 30) { $0.write("") }
        }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.hasPrefix("HUGE was not sent") == true)
        #expect(commands == (try EncodedCommands(RedisCommand("PING"))))
    }

    @Test func `a writer stays within what its head says`() async {
        await #expect(processExitsWith: .failure) {
            var commands = EncodedCommands()
            try commands.append("X", words: 1, contentBytesMax: 1) { writer in
                writer.write("X")
                writer.write("Y")
            }
        }
        await #expect(processExitsWith: .failure) {
            var commands = EncodedCommands()
            try commands.append("X", words: 1, contentBytesMax: 1) { $0.write(String(repeating: "x", count: 100)) }
        }
        await #expect(processExitsWith: .failure) {
            var commands = EncodedCommands()
            try commands.append("X", words: 2, contentBytesMax: 2) { $0.write("X") }
        }
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
        #expect(RESPValue.bulk(ArraySlice(text.utf8)).int == value)
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
