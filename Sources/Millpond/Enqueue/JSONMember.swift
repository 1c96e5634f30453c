import PondCore

/// One member at the top of an object, as a job's key is read from it.
enum JSONMember {
    /// Why there is no such value, after "line 3".
    struct Flaw: Error {
        let reason: String
    }

    /// The text of a string, or an integer as it is written.
    static func text(_ name: String, in bytes: [UInt8]) throws(Flaw) -> String {
        guard let value = try find(name, in: bytes) else { throw Flaw(reason: "has no \"\(name)\" at its top level") }
        if value.first == UInt8(ascii: "\"") {
            do throws(JSONMembers.Flaw) { return try JSONMembers.decoded(value) } catch { throw Flaw(error, in: name) }
        }
        let digits = value.first == UInt8(ascii: "-") ? value.dropFirst() : value
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw Flaw(reason: "has in \"\(name)\" neither a string nor a whole number")
        }
        return String(decoding: value, as: UTF8.self)
    }

    private static func find(_ name: String, in bytes: [UInt8]) throws(Flaw) -> ArraySlice<UInt8>? {
        do throws(JSONMembers.Flaw) { return try JSONMembers(bytes).value(name) } catch { throw Flaw(error, in: name) }
    }
}

extension JSONMember.Flaw {
    fileprivate init(_ flaw: JSONMembers.Flaw, in name: String) {
        switch flaw {
        case .noObject: self.init(reason: "is no object, so it has no \"\(name)\"")
        case .twice(let name): self.init(reason: "has \"\(name)\" twice")
        case .noText(let token):
            self.init(reason: "has a string that is no text: \(String(decoding: token.prefix(60), as: UTF8.self))")
        }
    }
}
