package import PondCore
package import PondRedis

/// Reads a function's flat reply in order, and says what was expected where it does not fit.
package struct ReplyReader {
    private let function: String
    private let values: [RESPValue]
    private var index = 0

    /// - Throws: `QueueError`, when the reply is no array.
    package init(_ function: String, _ reply: RESPValue) throws(QueueError) {
        guard let values = reply.array else {
            throw QueueError(.unexpectedReply, "\(function) answered \(reply) where an array was expected")
        }
        self.function = function
        self.values = values
    }

    /// Whether all was read.
    package var isAtEnd: Bool { index >= values.count }

    /// The next element, whatever it is.
    package mutating func value() throws(QueueError) -> RESPValue {
        guard index < values.count else { throw unexpected("one element more") }
        index += 1
        return values[index - 1]
    }

    /// A text.
    package mutating func text() throws(QueueError) -> String {
        // Error texts and ids may hold any bytes; what is no UTF-8 is shown as replacement characters.
        guard let bytes = try value().bytes else { throw unexpected("a text") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Bytes as they are.
    package mutating func bytes() throws(QueueError) -> [UInt8] {
        guard let bytes = try value().bytes else { throw unexpected("bytes") }
        return bytes
    }

    /// A whole number.
    package mutating func number() throws(QueueError) -> Int64 {
        guard let number = try value().int else { throw unexpected("a whole number") }
        return number
    }

    /// A time.
    package mutating func time() throws(QueueError) -> ServerTime {
        ServerTime(milliseconds: try number())
    }

    /// A time, nil for 0 or an empty text.
    package mutating func timeIfAny() throws(QueueError) -> ServerTime? {
        guard let bytes = try value().bytes else { throw unexpected("a time") }
        guard let number = Int64(String(decoding: bytes, as: UTF8.self)), number != 0 else { return nil }
        return ServerTime(milliseconds: number)
    }

    /// The state of a key.
    package mutating func keyState() throws(QueueError) -> KeyState {
        guard let state = KeyState(rawValue: try text()) else { throw unexpected("queued, running, done or dead") }
        return state
    }

    /// A count and as many texts behind it.
    package mutating func counted() throws(QueueError) -> [String] {
        var texts: [String] = []
        let count = try number()
        guard count >= 0 else { throw unexpected("a count") }
        for _ in 0..<count { texts.append(try text()) }
        return texts
    }

    /// Name and value alternating, up to the end.
    package mutating func namedTexts() throws(QueueError) -> [String: String] {
        var named: [String: String] = [:]
        while !isAtEnd {
            let name = try text()
            named[name] = try text()
        }
        return named
    }

    private func unexpected(_ wanted: String) -> QueueError {
        QueueError(
            .unexpectedReply,
            "\(function) answered \(values.count) elements; element \(index) is not \(wanted). "
                + "Is another library loaded under the name millpond?"
        )
    }
}
