/// An array reply as it was read: its parts one behind the other, and the bytes of its strings in one piece of memory.
///
/// For whoever goes through a large reply once: to make an array for each of a thousand entries, and to count who owns
/// each of their strings, costs more than to read them.
package final class FlatReply: Sendable {
    /// One part, plain bits that nobody has to count the owners of.
    enum Token: BitwiseCopyable, Sendable {
        case null
        case integer(Int64)
        /// A string in the shared bytes.
        case string(start: Int, count: Int)
        /// A place in `owned`.
        case owned(Int)
        case array(count: Int)
    }

    private let tokens: [Token]
    private let bytes: [UInt8]
    private let owned: [RESPValue]

    init(tokens: [Token], bytes: [UInt8], owned: [RESPValue]) {
        self.tokens = tokens
        self.bytes = bytes
        self.owned = owned
    }

    /// The reply as a value.
    package var value: RESPValue {
        var position = 0
        return value(at: &position)
    }

    // Recursion as deep as hiredis' own stack, 9 levels.
    private func value(at position: inout Int) -> RESPValue {
        let token = tokens[position]
        position += 1
        switch token {
        case .null: return .null
        case .integer(let value): return .integer(value)
        case .string(let start, let count): return .bulk(bytes[start..<start + count])
        case .owned(let place): return owned[place]
        case .array(let count): return .array((0..<count).map { _ in value(at: &position) })
        }
    }
}

extension FlatReply {
    /// Goes through the parts in their order.
    package struct Reader {
        private let reply: FlatReply
        /// The place of the next part.
        package private(set) var position = 0

        /// Begins with the reply itself, which is an array.
        package init(_ reply: FlatReply) {
            self.reply = reply
        }

        /// How many elements the next part has, which then follow; nil when it is no array, and passed by.
        package mutating func array() -> Int? {
            guard position < reply.tokens.count else { return nil }
            position += 1
            if case .array(let count) = reply.tokens[position - 1] { return count } else { return nil }
        }

        /// The bytes of the next part, which is passed by; nil when it is no string.
        package mutating func slice() -> ArraySlice<UInt8>? {
            position += 1
            return reply.slice(position - 1)
        }

        /// Passes by so many parts.
        ///
        /// - Returns: false when there is an array among them, or fewer are left.
        package mutating func skip(_ count: Int) -> Bool {
            guard count <= reply.tokens.count - position else { return false }
            for place in position..<position + count {
                if case .array = reply.tokens[place] { return false }
            }
            position += count
            return true
        }
    }

    /// The bytes of the part at a place; nil when it is no string, or there is none.
    package func slice(_ place: Int) -> ArraySlice<UInt8>? {
        guard place < tokens.count else { return nil }
        switch tokens[place] {
        case .string(let start, let count): return bytes[start..<start + count]
        case .owned(let owner): return owned[owner].slice
        case .null, .integer, .array: return nil
        }
    }
}

extension FlatReply: Hashable {
    /// Whether both say the same.
    package static func == (lhs: FlatReply, rhs: FlatReply) -> Bool { lhs.value == rhs.value }

    package func hash(into hasher: inout Hasher) { hasher.combine(value) }
}
