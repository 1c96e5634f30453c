import PondCore
import Testing

@Suite struct JSONSyntaxTests {
    @Test(
        arguments: [
            "null", "true", "false", "0", "-0", "12.5e-3", "1E+9", #""""#, #""a\n\u00e9\"""#, "[]", "{}", " [ ] ",
            "\t{\r\n}",
            "[1,[2,[3]],{}]", #"{"a":{"b":[null,true]},"a":1}"#, "123456789012345678901234567890", #""\ud800""#,
            "\"é\u{2028}\"",
        ]
    )
    func `JSON passes`(text: String) throws {
        try JSONSyntax.check(Array(text.utf8))
    }

    @Test(
        arguments: [
            ("", 1), ("  ", 3), ("hello", 1), ("truth", 1), ("nul", 1), ("01", 2), ("1.", 3), ("-", 2), ("1e", 3),
            (".5", 1),
            ("+1", 1), ("[1", 3), ("[1,]", 4), ("[,1]", 2), ("[1 2]", 4), ("[1}", 3), ("{", 2), ("{a:1}", 2),
            (#"{"a" 1}"#, 6), (#"{"a":1,}"#, 8), (#"{"a":}"#, 6), (#""abc"#, 5), (#""\x""#, 3), (#""\u12g4""#, 6),
            ("\"a\nb\"", 3), ("1 2", 3), ("{}}", 3), ("'a'", 1), ("NaN", 1), ("[1]//", 4),
        ]
    )
    func `the first flaw is found at its byte`(text: String, byte: Int) {
        let flaw = #expect(throws: JSONSyntax.Flaw.self) { try JSONSyntax.check(Array(text.utf8)) }
        #expect(flaw?.byte == byte, "\(text): \(flaw?.description ?? "")")
    }

    @Test func `bytes that are no UTF-8 are found at their place`() {
        let flaw = #expect(throws: JSONSyntax.Flaw.self) { try JSONSyntax.check([0x22, 0xc3, 0xa9, 0xff, 0x22]) }
        #expect(flaw?.byte == 4)
    }

    @Test func `depth is bounded, and bounded depth needs no stack`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
        }
        try JSONSyntax.check(nested(JSONSyntax.depthMax))
        #expect(throws: JSONSyntax.Flaw.self) { try JSONSyntax.check(nested(JSONSyntax.depthMax + 1)) }
        #expect(throws: JSONSyntax.Flaw.self) { try JSONSyntax.check(nested(400_000)) }
    }

    @Test func `every cut of a text is a flaw at its end or before`() {
        let text = Array(#"{"a":[1,2.5e3,"x\u0041"],"b":{"c":null}}"#.utf8)
        for count in 0..<text.count {
            let flaw = #expect(throws: JSONSyntax.Flaw.self) { try JSONSyntax.check(Array(text.prefix(count))) }
            #expect((flaw?.byte ?? 0) <= count + 1)
        }
    }
}
