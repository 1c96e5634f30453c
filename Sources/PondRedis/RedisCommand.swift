/// One word of a command: text, opaque bytes or a number.
package enum RedisArgument: Sendable, Hashable {
    /// Sent as UTF-8.
    case text(String)
    case bytes([UInt8])
    /// Sent as decimal digits.
    case integer(Int64)

    /// A number of any integer type that fits in 64 signed bits.
    package static func number(_ value: some BinaryInteger) -> RedisArgument {
        .integer(Int64(value))
    }
}

extension RedisArgument: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
    /// A text.
    package init(stringLiteral value: String) {
        self = .text(value)
    }

    /// A whole number.
    package init(integerLiteral value: Int64) {
        self = .integer(value)
    }
}

/// A command with its arguments, sent as an array of bulk strings: nothing in it is ever parsed by the server.
package struct RedisCommand: Sendable, Hashable {
    /// The command's name and everything after it.
    package var arguments: [RedisArgument]

    /// A command and its arguments.
    package init(_ name: String, _ arguments: RedisArgument...) {
        self.init(name, arguments)
    }

    /// A command and its arguments, gathered elsewhere.
    package init(_ name: String, _ arguments: [RedisArgument]) {
        self.arguments = [.text(name)] + arguments
    }

    /// The first word, for messages; never the arguments, which may be secret.
    var name: String {
        if case .text(let name) = arguments.first { name } else { "a command without a name" }
    }
}
