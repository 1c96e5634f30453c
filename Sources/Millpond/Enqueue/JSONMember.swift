import FoundationEssentials

/// Looks up one member of an object whose syntax has been checked, without decoding the rest.
struct JSONMember {
    /// Why there is no such value, after "line 3".
    struct Flaw: Error {
        let reason: String
    }

    private let bytes: [UInt8]
    private var index = 0

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The text of a string, or an integer as it is written.
    static func text(_ name: String, in bytes: [UInt8]) throws(Flaw) -> String {
        var member = JSONMember(bytes)
        guard let value = try member.find(name) else { throw Flaw(reason: "has no \"\(name)\" at its top level") }
        if value.first == UInt8(ascii: "\"") { return try decoded(value) }
        let digits = value.first == UInt8(ascii: "-") ? value.dropFirst() : value
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw Flaw(reason: "has in \"\(name)\" neither a string nor a whole number")
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// The bytes of the member's value.
    private mutating func find(_ name: String) throws(Flaw) -> ArraySlice<UInt8>? {
        skipSpaces()
        guard peek == UInt8(ascii: "{") else { throw Flaw(reason: "is no object, so it has no \"\(name)\"") }
        index += 1
        skipSpaces()
        var found: ArraySlice<UInt8>?
        while index < bytes.count, peek != UInt8(ascii: "}") {
            skipSpaces()
            let given = try JSONMember.decoded(skipValue())
            skipSpaces()
            // The colon.
            index += 1
            skipSpaces()
            let value = skipValue()
            if given == name {
                // Readers disagree on which of two they take.
                if found != nil { throw Flaw(reason: "has \"\(name)\" twice") }
                found = value
            }
            skipSpaces()
            if peek == UInt8(ascii: ",") { index += 1 }
        }
        return found
    }

    private mutating func skipValue() -> ArraySlice<UInt8> {
        let start = index
        var depth = 0
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""): skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return bytes[start..<index] }
                depth -= 1
                index += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0a, 0x0d:
                if depth == 0 { return bytes[start..<index] }
                index += 1
            default: index += 1
            }
        }
        return bytes[start..<index]
    }

    private mutating func skipString() {
        index += 1
        while let byte = peek, byte != UInt8(ascii: "\"") { index += byte == UInt8(ascii: "\\") ? 2 : 1 }
        index += 1
    }

    private static func decoded(_ token: ArraySlice<UInt8>) throws(Flaw) -> String {
        guard token.contains(UInt8(ascii: "\\")) else {
            return String(decoding: token.dropFirst().dropLast(), as: UTF8.self)
        }
        do {
            return try JSONDecoder().decode(String.self, from: Data(token))
        } catch {
            throw Flaw(reason: "has a string that is no text: \(String(decoding: token.prefix(60), as: UTF8.self))")
        }
    }

    private mutating func skipSpaces() {
        while let byte = peek, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { index += 1 }
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }
}
