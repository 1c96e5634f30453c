import PondCore

/// One reply of a Redis server, or one element of a reply, as a value that owns its bytes (protocol RESP2).
package enum RESPValue: Sendable, Hashable {
    /// A status such as `OK`.
    case simple(String)
    /// An error reply, whole text; a top-level one is thrown as `RedisError`, one inside an array stays a value.
    case error(String)
    case integer(Int64)
    /// A string of bytes; those of a reply share their memory, so keep a copy of what is to outlive the reply.
    case bulk(ArraySlice<UInt8>)
    /// A null bulk string or a null array.
    case null
    case array([RESPValue])
    /// An array that was left as it was read, for a call that asked for that.
    case flat(FlatReply)
}

extension RESPValue {
    /// The text of a status, or of a bulk string that is valid UTF-8.
    package var string: String? {
        switch self {
        case .simple(let text): text
        case .bulk(let bytes): String(utf8: bytes)
        case .error, .integer, .null, .array, .flat: nil
        }
    }

    /// A copy of the bytes of a bulk string or a status.
    package var bytes: [UInt8]? { slice.map { Array($0) } }

    /// The bytes of a bulk string, as they lie in the reply, or of a status.
    @inlinable package var slice: ArraySlice<UInt8>? {
        switch self {
        case .simple(let text): ArraySlice(text.utf8)
        case .bulk(let bytes): bytes
        case .error, .integer, .null, .array, .flat: nil
        }
    }

    /// An integer reply, or a bulk string that is a decimal number.
    package var int: Int64? {
        switch self {
        case .integer(let value): value
        case .bulk(let bytes): Int64(decimal: bytes)
        case .simple, .error, .null, .array, .flat: nil
        }
    }

    /// The elements of an array reply.
    package var array: [RESPValue]? {
        switch self {
        case .array(let elements): elements
        case .flat(let reply): reply.value.array
        case .simple, .error, .integer, .bulk, .null: nil
        }
    }

    /// Whether this is a null bulk string or a null array.
    package var isNull: Bool {
        self == .null
    }
}
