import CHiredis

/// The parts of the reply that is being read, flat and in the order of the bytes.
struct ReplyTokens {
    private enum Token {
        case value(RESPValue)
        /// A string in the shared bytes.
        case string(start: Int, count: Int)
        case array(count: Int)
    }

    private var tokens: [Token] = []
    /// The short strings of the reply: one piece of memory for all, instead of one for each.
    private var shared: [UInt8] = []
    private let bytesMax: Int
    private var elementCount = 0
    /// The bytes of the strings so far.
    private(set) var byteCount = 0
    /// Why a token was refused.
    private(set) var refusal: String?

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    mutating func append(_ value: RESPValue) -> Bool {
        tokens.append(.value(value))
        return true
    }

    mutating func appendString(type: Int32, start: UnsafeMutablePointer<CChar>, count: Int) -> Bool {
        byteCount += count
        guard byteCount <= bytesMax else { return refuse("a reply larger than \(bytesMax) bytes") }
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        switch type {
        case REDIS_REPLY_STRING:
            guard start[count] == 0x0d, start[count + 1] == 0x0a else { return refuse("a bulk string without its end") }
            return appendBulk(bytes)
        case REDIS_REPLY_STATUS: return append(.simple(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR: return append(.error(String(decoding: bytes, as: UTF8.self)))
        default: return refuse("a type of another protocol version")
        }
    }

    private mutating func appendBulk(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= Limits.sharedStringBytesMax else { return append(.bulk(ArraySlice(bytes))) }
        tokens.append(.string(start: shared.count, count: bytes.count))
        shared.append(contentsOf: bytes)
        return true
    }

    mutating func appendArray(type: Int32, count: Int) -> Bool {
        guard type == REDIS_REPLY_ARRAY else { return refuse("a type of another protocol version") }
        elementCount += count
        guard elementCount <= Limits.replyElementsMax else {
            return refuse("a reply of more than \(Limits.replyElementsMax) elements")
        }
        tokens.append(.array(count: count))
        return true
    }

    /// The whole reply, when hiredis has said that it is whole; nil when the tokens do not add up.
    mutating func takeReply() -> RESPValue? {
        let bytes = shared
        defer {
            tokens.removeAll(keepingCapacity: true)
            shared = []
            // The next reply is often as large as this one.
            shared.reserveCapacity(min(bytes.count, Limits.sharedBytesAhead))
            elementCount = 0
            byteCount = 0
        }
        var position = 0
        let reply = value(at: &position, bytes)
        return position == tokens.count ? reply : nil
    }

    // Recursion as deep as hiredis' own stack, 9 levels.
    private func value(at position: inout Int, _ bytes: [UInt8]) -> RESPValue? {
        guard position < tokens.count else { return nil }
        let token = tokens[position]
        position += 1
        switch token {
        case .value(let value): return value
        case .string(let start, let count): return .bulk(bytes[start..<start + count])
        case .array(let count):
            var elements: [RESPValue] = []
            elements.reserveCapacity(min(count, tokens.count - position))
            for _ in 0..<count {
                guard let element = value(at: &position, bytes) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        }
    }

    private mutating func refuse(_ reason: String) -> Bool {
        refusal = reason
        return false
    }
}
