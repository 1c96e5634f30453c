import NIOCore
import NIOEmbedded
import PondRedis
import Testing

/// Collects what a channel handler says.
final class Collector: ReplyReceiver {
    var replies: [RESPValue] = []
    var errors: [RedisError] = []
    var isDisconnected = false

    func received(_ reply: RESPValue, from handler: RedisChannelHandler) { replies.append(reply) }
    func disconnected(_ handler: RedisChannelHandler) { isDisconnected = true }
    func writabilityChanged(_ isWritable: Bool, of handler: RedisChannelHandler) {}
    func failed(_ error: any Error, from handler: RedisChannelHandler) {
        if let error = error as? RedisError { errors.append(error) }
        // As the connection does: nothing more is wanted from this channel.
        handler.isAbandoned = true
    }
}

@Suite struct ReplyParserTests {
    /// Passes the chunks through a channel with the handler.
    func read(_ chunks: [ArraySlice<UInt8>], replyBytesMax: Int = 1 << 20) throws -> Collector {
        let collector = Collector()
        let channel = EmbeddedChannel(handler: RedisChannelHandler(replyBytesMax: replyBytesMax, receiver: collector))
        for chunk in chunks { try channel.writeInbound(ByteBuffer(bytes: chunk)) }
        _ = try channel.finish(acceptAlreadyClosed: true)
        return collector
    }

    func read(_ text: String, replyBytesMax: Int = 1 << 20) throws -> Collector {
        try read([Array(text.utf8)[...]], replyBytesMax: replyBytesMax)
    }

    @Test func `the corpus has at least 200 replies`() {
        #expect(Corpus.replies.count >= 200)
    }

    // One test and not one a reply: hundreds of busy tests at once would delay those that measure time.
    @Test func `every reply is read the same over every chunk boundary`() async throws {
        for (bytes, value) in Corpus.replies {
            for boundary in 0...bytes.count {
                let collector = try read([bytes[..<boundary], bytes[boundary...]])
                guard collector.replies != [value] || !collector.errors.isEmpty else { continue }
                Issue.record("\(value) cut at \(boundary) became \(collector.replies), \(collector.errors)")
            }
            await Task.yield()
        }
    }

    @Test func `a reply is read the same byte by byte, and all together in one buffer`() throws {
        let all = Corpus.replies.flatMap(\.bytes)
        #expect(try read([all[...]]).replies == Corpus.replies.map(\.value))
        #expect(try read(all.indices.map { all[$0...$0] }).replies == Corpus.replies.map(\.value))
    }

    @Test(arguments: [
        "hello\r\n", "\r\n", "%1\r\n+a\r\n+b\r\n", "_\r\n", ",1.5\r\n", ">1\r\n+a\r\n", "HTTP/1.1 400 Bad\r\n",
        ":abc\r\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "$abc\r\n", "$-2\r\n", "$1x\r\na\r\n",
        "*abc\r\n", "*-2\r\n", "*3000000000\r\n", "$3\r\nabcXY+OK\r\n", "$0\r\n\r\r", "\u{15}\u{3}\u{1}",
        "*9223372036854775808\r\n", "$9223372036854775807\r\n", "$18446744073709551615\r\n",
    ])
    func `what is not RESP2 is a protocol violation that shows the first bytes`(text: String) throws {
        let collector = try read("+OK\r\n" + text)
        #expect(collector.replies == [.simple("OK")])
        #expect(collector.errors.map(\.code) == [.protocolViolation], "\(collector.errors)")
        let shown = text.prefix(3).filter { $0.isLetter || $0.isNumber }
        #expect(collector.errors.first?.message.contains(shown) == true, "\(collector.errors)")
    }

    @Test func `nothing is read after a violation`() throws {
        let collector = try read(["!".utf8, "+OK\r\n".utf8].map { Array($0)[...] })
        #expect(collector.replies == [])
        #expect(collector.errors.count == 1)
    }

    @Test func `a cut reply is no reply`() throws {
        let collector = try read("*2\r\n$5\r\nab")
        #expect(collector.replies == [])
        #expect(collector.isDisconnected)
    }

    @Test(arguments: [
        "$9999999999\r\n", "$1048577\r\n", "*1000000000\r\n", "*1048577\r\n", "$99999999999", "*2\r\n$900000\r\n",
    ])
    func `an absurd length is refused before its bytes come`(text: String) throws {
        let filler = text.contains("900000") ? String(repeating: "x", count: 900_000) + "\r\n$200000\r\n" : ""
        let collector = try read(text + filler)
        #expect(collector.errors.map(\.code) == [.protocolViolation])
    }

    @Test func `arrays inside arrays count together`() throws {
        let text = "*1048576\r\n*1\r\n"
        #expect(try read(text).errors.first?.message.contains("elements") == true)
    }

    @Test func `a line without an end is refused`() throws {
        let line = Array(repeating: UInt8(ascii: "x"), count: 1 << 16)[...]
        let start = Array("+".utf8)[...]
        let collector = try read([start] + Array(repeating: line, count: 17))
        #expect(collector.errors.first?.message.contains("line") == true)
    }

    @Test func `a length without an end is refused`() throws {
        let zeros = String(repeating: "0", count: 30)
        #expect(try read("$" + zeros).errors.first?.message.contains("length") == true)
    }

    @Test func `eight arrays deep is read, nine is a violation`() throws {
        let eight = try read(String(repeating: "*1\r\n", count: 8) + ":1\r\n")
        var value = RESPValue.integer(1)
        for _ in 0..<8 { value = .array([value]) }
        #expect(eight.replies == [value])
        let nine = try read(String(repeating: "*1\r\n", count: 9) + ":1\r\n")
        #expect(nine.errors.map(\.code) == [.protocolViolation])
    }

    @Test func `a large reply in many chunks keeps every byte`() throws {
        let content = pattern(3_000_000)
        let bytes = Array("*2\r\n$\(content.count)\r\n".utf8) + content + Array("\r\n:1\r\n".utf8)
        let chunks = stride(from: 0, to: bytes.count, by: 65_536).map { bytes[$0..<min($0 + 65_536, bytes.count)] }
        #expect(try read(chunks, replyBytesMax: 4 << 20).replies == [.array([.bulk(content[...]), .integer(1)])])
    }

    @Test func `a reply with more parts than a parser keeps memory for is read, and so are the next`() throws {
        // Twice as many parts, and more bytes, than stay from one reply to the next.
        let words = (0..<32 << 10).map { "word number \($0)" }
        let value = RESPValue.array(words.map { .bulk(Array($0.utf8)[...]) })
        let text = "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        let small = "*2\r\n$1\r\na\r\n-ERR b\r\n"
        let replies = try read(text + small + text + small).replies
        #expect(
            replies == [
                value, .array([.bulk([0x61]), .error("ERR b")]), value, .array([.bulk([0x61]), .error("ERR b")]),
            ]
        )
    }
}
