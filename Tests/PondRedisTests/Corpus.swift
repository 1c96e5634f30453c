import PondRedis

/// Replies as bytes and as values: every type, at the lengths where something changes, alone and nested.
enum Corpus {
    static let replies: [(bytes: [UInt8], value: RESPValue)] = values.map { (encode($0), $0) }

    /// Bytes of a value, written without any code of the client.
    static func encode(_ value: RESPValue) -> [UInt8] {
        switch value {
        case .simple(let text): Array("+\(text)\r\n".utf8)
        case .error(let text): Array("-\(text)\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .bulk(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10]
        case .null: Array("$-1\r\n".utf8)
        case .array(let elements): Array("*\(elements.count)\r\n".utf8) + elements.flatMap(encode)
        case .flat(let reply): encode(reply.value)
        }
    }

    private static let values: [RESPValue] = scalars + arrays + streams

    private static let scalars: [RESPValue] =
        ["", "OK", "PONG", "QUEUED", "a b", "é", "*3", "$5", ":1", "+-"].map { .simple($0) }
        + [
            "ERR unknown command", "WRONGTYPE Operation against a key", "", "NOSCRIPT No matching script.",
            "MOVED 1 a:1",
            "LOADING Redis is loading the dataset in memory", "-", "ERR a: \"b\"",
        ].map { .error($0) }
        + [0, 1, -1, 9, 10, 99, 255, 256, 65_535, 1_700_000_000_000, -128, .max, .min].map { .integer($0) }
        + (0...40).map { .bulk(filler($0)[...]) }
        + [63, 64, 65, 99, 100, 101, 255, 256, 300].map { .bulk(filler($0)[...]) }
        + ["\r\n", "\r", "\n", "$1\r\na\r\n", "+OK\r\n", "\0", "\r\n\r\n\r\n", "*1\r\n"].map {
            .bulk(ArraySlice($0.utf8))
        }
        + [[0xff], [0xfe, 0x00, 0x0d], [0xc3], [0x0d, 0x0a, 0x0d]].map { .bulk($0[...]) }
        + [.null]

    private static let arrays: [RESPValue] =
        (0...20).map { count in .array((0..<count).map { .integer(Int64($0)) }) }
        + (0...20).map { count in .array((0..<count).map { .bulk(filler($0)[...]) }) }
        + (1...8).map(nested)
        + (1...8).map { .array([nested($0 - 1), .null, nested($0 - 1)]) }
        + scalars.prefix(50).map { .array([$0, .array([]), $0]) }

    /// Shaped as XREADGROUP, XAUTOCLAIM and XPENDING answer.
    private static let streams: [RESPValue] = (0...12).map { count in
        let entries = (0..<count).map { number -> RESPValue in
            let fields = ["kind", "email.send", "data", "{\"n\":\(number)}"].map { RESPValue.bulk(ArraySlice($0.utf8)) }
            return .array([.bulk(ArraySlice("1700000000000-\(number)".utf8)), number % 5 == 4 ? .null : .array(fields)])
        }
        return .array([
            .array([.bulk(ArraySlice("mp:{q}:ready".utf8)), .array(entries)]), .error("UNBLOCKED x"), .simple(""),
        ])
    }

    /// As many arrays around a number.
    private static func nested(_ depth: Int) -> RESPValue {
        (0..<depth).reduce(.integer(Int64(depth))) { value, _ in .array([value]) }
    }

    private static func filler(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 13) }
    }
}
