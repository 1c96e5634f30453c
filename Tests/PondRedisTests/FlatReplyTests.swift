import PondRedis
import Testing

/// Arrays that are left as they were read.
@Suite struct FlatReplyTests {
    private func read(_ bytes: [UInt8], isFlat: Bool = true) throws -> RESPValue? {
        let parser = ReplyParser(replyBytesMax: 1 << 20)
        bytes.withUnsafeBytes { parser.feed($0) }
        return try parser.next(isFlat: isFlat)
    }

    private func flat(_ text: String) throws -> FlatReply {
        guard case .flat(let reply) = try read(Array(text.utf8)) else { throw Unflat() }
        return reply
    }

    private struct Unflat: Error {}

    @Test func `every reply of the corpus says the same when it is read flat`() throws {
        var arrays = 0
        for (bytes, value) in Corpus.replies {
            let reply = try #require(try read(bytes))
            if case .flat(let flat) = reply {
                arrays += 1
                #expect(flat.value == value)
                #expect(reply.array == value.array)
            } else {
                #expect(reply == value)
            }
        }
        #expect(arrays > 10)
    }

    @Test func `nothing is asked of a reply that is no array`() throws {
        let parser = ReplyParser(replyBytesMax: 1 << 20)
        var asked = 0
        func isFlat() -> Bool {
            asked += 1
            return true
        }
        Array("$2\r\nab\r\n:1\r\n*1\r\n:1\r\n".utf8).withUnsafeBytes { parser.feed($0) }
        #expect(try parser.next(isFlat: isFlat()) == .bulk([0x61, 0x62]))
        #expect(try parser.next(isFlat: isFlat()) == .integer(1))
        #expect(asked == 0)
        #expect(try parser.next(isFlat: isFlat())?.array == [.integer(1)])
        #expect(asked == 1)
    }

    @Test func `a reader goes through the parts, and says where one is of another kind`() throws {
        let reply = try flat("*4\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n:5\r\n$-1\r\n*0\r\n")
        var reader = FlatReply.Reader(reply)
        let (all, first, pair) = (reader.array(), reader.slice(), reader.array())
        #expect(all == 4 && first == [0x61] && pair == 2)
        let start = reader.position
        #expect(reply.slice(start) == [0x62])
        #expect(reply.slice(start + 1) == nil)
        #expect(reply.slice(100) == nil)
        let (isPassed, null, isArrayPassed, empty) = (reader.skip(2), reader.array(), reader.skip(1), reader.array())
        #expect(isPassed && null == nil && !isArrayPassed && empty == 0)
        let (behind, bytes, isEndPassed) = (reader.array(), reader.slice(), reader.skip(1))
        #expect(behind == nil && bytes == nil && !isEndPassed)
    }
}
