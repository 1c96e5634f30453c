import CHiredis

/// The parts of the reply that is being read, flat and in the order of the bytes.
struct ReplyTokens: ~Copyable {
    private typealias Token = FlatReply.Token

    private var tokens = Scratch<Token>()
    /// The short strings of the reply: one piece of memory for all, instead of one for each.
    private var shared = Scratch<UInt8>()
    /// What does not lie in the shared bytes: long strings, statuses, errors.
    private var owned: [RESPValue] = []
    private let bytesMax: Int
    private var elementCount = 0
    /// How many values are yet to come, as far as the arrays so far tell.
    private var missing = 1
    /// The bytes of the strings so far.
    private(set) var byteCount = 0
    /// Why a token was refused.
    private(set) var refusal: String?

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    mutating func appendNull() -> Bool { append(.null) }

    mutating func appendInteger(_ value: Int64) -> Bool { append(.integer(value)) }

    mutating func appendString(type: Int32, start: UnsafeMutablePointer<CChar>, count: Int) -> Bool {
        byteCount += count
        guard byteCount <= bytesMax else { return refuse("a reply larger than \(bytesMax) bytes") }
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        switch type {
        case REDIS_REPLY_STRING:
            guard start[count] == 0x0d, start[count + 1] == 0x0a else { return refuse("a bulk string without its end") }
            return appendBulk(bytes)
        case REDIS_REPLY_STATUS: return appendOwned(.simple(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR: return appendOwned(.error(String(decoding: bytes, as: UTF8.self)))
        default: return refuse("a type of another protocol version")
        }
    }

    private mutating func appendBulk(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= Limits.sharedStringBytesMax else { return appendOwned(.bulk(ArraySlice(bytes))) }
        let start = shared.count
        shared.append(contentsOf: bytes.assumingMemoryBound(to: UInt8.self))
        return append(.string(start: start, count: bytes.count))
    }

    mutating func appendArray(type: Int32, count: Int) -> Bool {
        guard type == REDIS_REPLY_ARRAY else { return refuse("a type of another protocol version") }
        elementCount += count
        guard elementCount <= Limits.replyElementsMax else {
            return refuse("a reply of more than \(Limits.replyElementsMax) elements")
        }
        missing += count
        return append(.array(count: count))
    }

    private mutating func appendOwned(_ value: RESPValue) -> Bool {
        owned.append(value)
        return append(.owned(owned.count - 1))
    }

    private mutating func append(_ token: Token) -> Bool {
        tokens.append(token)
        missing -= 1
        return true
    }

    /// The whole reply, when hiredis has said that it is whole; nil when the tokens do not add up.
    ///
    /// - Parameter isFlat: whether an array is to be left as it was read; asked of arrays alone.
    mutating func takeReply(isFlat: @autoclosure () -> Bool) -> RESPValue? {
        defer {
            tokens.removeAll(keepingAtMost: Limits.tokensKept)
            shared.removeAll(keepingAtMost: Limits.sharedBytesKept)
            owned.removeAll()
            elementCount = 0
            missing = 1
            byteCount = 0
        }
        guard missing == 0 else { return nil }
        if case .array = tokens[0], isFlat() {
            return .flat(FlatReply(tokens: tokens.array(), bytes: shared.array(), owned: owned))
        }
        var position = 0
        let reply = value(at: &position, shared.array())
        return position == tokens.count ? reply : nil
    }

    // Recursion as deep as hiredis' own stack, 9 levels.
    private func value(at position: inout Int, _ bytes: [UInt8]) -> RESPValue {
        let token = tokens[position]
        position += 1
        switch token {
        case .null: return .null
        case .integer(let value): return .integer(value)
        case .string(let start, let count): return .bulk(bytes[start..<start + count])
        case .owned(let place): return owned[place]
        case .array(let count): return .array((0..<count).map { _ in value(at: &position, bytes) })
        }
    }

    private mutating func refuse(_ reason: String) -> Bool {
        refusal = reason
        return false
    }
}
