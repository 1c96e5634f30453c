import PondCore

/// One member at the top of an object, without decoding the rest.
enum JSONMember {
    /// Why there is no such value, after "line 3".
    struct Flaw: Error {
        let reason: String
    }

    /// The text of a string, or an integer as it is written.
    static func text(_ name: String, in bytes: [UInt8]) throws(Flaw) -> String {
        guard let value = try find(name, in: bytes) else { throw Flaw(reason: "has no \"\(name)\" at its top level") }
        if value.first == UInt8(ascii: "\"") { return try decoded(value) }
        let digits = value.first == UInt8(ascii: "-") ? value.dropFirst() : value
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw Flaw(reason: "has in \"\(name)\" neither a string nor a whole number")
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// The bytes of the member's value.
    private static func find(_ name: String, in bytes: [UInt8]) throws(Flaw) -> ArraySlice<UInt8>? {
        let members: [(name: Range<Int>, value: Range<Int>)]
        do throws(JSONSyntax.Flaw) {
            members = try JSONSyntax.members(of: bytes)
        } catch {
            throw Flaw(reason: "is no object, so it has no \"\(name)\"")
        }
        var found: ArraySlice<UInt8>?
        for member in members where try decoded(bytes[member.name]) == name {
            // Readers disagree on which of two they take.
            if found != nil { throw Flaw(reason: "has \"\(name)\" twice") }
            found = bytes[member.value]
        }
        return found
    }

    private static func decoded(_ token: ArraySlice<UInt8>) throws(Flaw) -> String {
        guard let text = JSONSyntax.string(token) else {
            throw Flaw(reason: "has a string that is no text: \(String(decoding: token.prefix(60), as: UTF8.self))")
        }
        return text
    }
}
