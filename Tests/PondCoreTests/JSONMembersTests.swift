import PondCore
import Testing

@Suite struct JSONMembersTests {
    private func members(_ text: String) throws(JSONMembers.Flaw) -> JSONMembers {
        try JSONMembers(Array(text.utf8))
    }

    private func value(_ name: String, in text: String) throws -> String? {
        try members(text).value(name).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `values are given as they are written`() throws {
        let text = #"{"a": 1.50, "b\u0062": {"a": [2]}, "n": null}"#
        #expect(try value("a", in: text) == "1.50")
        #expect(try value("bb", in: text) == #"{"a": [2]}"#)
        #expect(try value("n", in: text) == "null")
        #expect(try value("none", in: text) == nil)
    }

    @Test func `a name that is there twice is a flaw of that name alone`() throws {
        let text = #"{"a": 1, "b": 2, "a": 3}"#
        #expect(throws: JSONMembers.Flaw.twice("a")) { try value("a", in: text) }
        #expect(try value("b", in: text) == "2")
        #expect(try members(text).repeated == "a")
    }

    @Test func `what is no object has no members`() {
        #expect(throws: JSONMembers.Flaw.self) { try members("[1]") }
        #expect(throws: JSONMembers.Flaw.self) { try members(#"{"a":1"#) }
    }
}
