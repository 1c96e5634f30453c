package import NIOCore

/// Commands in the form in which they travel: RESP arrays of bulk strings.
///
/// The caller's own task writes them, so the event loop has nothing left to do but to copy bytes.
package struct EncodedCommands: Sendable, Equatable {
    /// How many commands.
    package private(set) var count = 0
    /// All of them, one behind the other.
    package private(set) var bytes = ByteBuffer()

    /// No command yet.
    package init() {}

    /// One command.
    ///
    /// - Throws: `tooLarge`, when a server would not accept it.
    package init(_ command: RedisCommand) throws(RedisError) {
        self.init()
        try append(command)
    }

    /// Adds a command.
    ///
    /// - Throws: `tooLarge`, when a server would not accept it, or when there is too much for one call.
    package mutating func append(_ command: RedisCommand) throws(RedisError) {
        let words = command.arguments
        precondition(!words.isEmpty, "a Redis command has at least its name")
        guard words.count <= Limits.argumentsMax, words.allSatisfy({ $0.byteCountMax <= Limits.argumentBytesMax })
        else { throw Self.tooLarge(command.name) }
        let content = words.reduce(0) { $0 + $1.byteCountMax }
        try append(command.name, words: words.count, contentBytesMax: content) { writer in
            for word in words {
                switch word {
                case .text(let text): writer.write(text)
                case .bytes(let bytes): writer.write(bytes)
                case .integer(let number): writer.write(number)
                }
            }
        }
    }

    /// Adds a command whose words, its name among them, are written by `write`, each no longer than a server accepts.
    ///
    /// - Parameters:
    ///   - name: for the error's text.
    ///   - words: how many words `write` writes.
    ///   - contentBytesMax: how many bytes they have together at most; a number counts as 20.
    /// - Throws: `tooLarge`, when there is too much for one call.
    package mutating func append(
        _ name: @autoclosure () -> String,
        words: Int,
        contentBytesMax: Int,
        _ write: (inout CommandWriter) -> Void
    ) throws(RedisError) {
        let sizeMax = CommandWriter.headBytesMax + words * (CommandWriter.headBytesMax + 2) + contentBytesMax
        guard bytes.readableBytes + sizeMax <= Limits.callBytesMax else { throw Self.tooLarge(name()) }
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: sizeMax) { memory in
            var writer = CommandWriter(memory, words: words)
            write(&writer)
            precondition(writer.wordsLeft == 0, "a Redis command has \(writer.wordsLeft) words less than its head says")
            return writer.count
        }
        count += 1
    }

    private static func tooLarge(_ name: String) -> RedisError {
        let limits = """
            an argument may have \(Limits.argumentBytesMax) bytes, a command \(Limits.argumentsMax) arguments, and what \
            is sent in one call \(Limits.callBytesMax) bytes
            """
        return RedisError(.tooLarge, "\(name) was not sent: \(limits)")
    }
}

extension RedisArgument {
    fileprivate var byteCountMax: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .integer: 20
        }
    }
}
