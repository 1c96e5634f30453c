import Testing

@Suite struct ScannerTests {
    private func words(_ text: String) -> [String] {
        SwiftScanner(text).tokens.filter { $0.kind == .word }.map(\.text)
    }

    private func symbols(_ text: String) -> String {
        SwiftScanner(text).tokens.filter { $0.kind == .symbol }.map(\.text).joined()
    }

    private func strings(_ text: String) -> [String] {
        SwiftScanner(text).tokens.filter { $0.kind == .string }.map(\.text)
    }

    @Test func `words, symbols and their lines`() {
        #expect(
            SwiftScanner("a.b\n  {é1}").tokens == [
                Token(kind: .word, text: "a", line: 1),
                Token(kind: .symbol, text: ".", line: 1),
                Token(kind: .word, text: "b", line: 1),
                Token(kind: .symbol, text: "{", line: 2),
                Token(kind: .word, text: "é1", line: 2),
                Token(kind: .symbol, text: "}", line: 2),
            ]
        )
    }

    @Test(arguments: [
        "a // { b",
        "a /* { */",
        "a /* { /* } */ } */",
        "a /* {\n { */",
        "a `{`",
        #"a "{""#,
        #"a "\"{""#,
        ##"a #"{"}"#"##,
        #"a "\\""#,
        "a \"\"\"\n{ \" \"\" }\n\"\"\"",
        "a = /{[}\"]/",
        "a #/ { / \" \n /#",
        "a \"unclosed {\n",
    ])
    func `a brace that closes nothing is not seen`(text: String) {
        #expect(words(text).prefix(1) == ["a"])
        #expect(symbols(text).filter { $0 != "=" }.isEmpty)
    }

    @Test func `code inside an interpolation is code`() {
        let text = #"f("a \(g(")", h: { "}" })) b", c)"#
        #expect(words(text) == ["f", "g", "h", "c"])
        #expect(strings(text) == ["a  b", ")", "}"])
        #expect(symbols(text) == "((,:{}),)")
    }

    @Test func `a raw string interpolates only with its hash`() {
        #expect(words(##"#"\(a) \#(b)"#"##) == ["b"])
    }

    @Test func `a slash between two values divides`() {
        #expect(words("a / b / c") == ["a", "b", "c"])
        #expect(words("(a) /b/ c") == ["a", "b", "c"])
        #expect(strings("x = /b+/") == ["b+"])
    }

    @Test func `lines go on counting through comments, strings and regexes`() {
        let text = "/* a\n b */\n\"\"\"\nc \\\nd\n\"\"\"\n#/e\n f/#\nlast"
        #expect(SwiftScanner(text).tokens.last == Token(kind: .word, text: "last", line: 9))
    }

    @Test func `comments are kept with their lines`() {
        let comments = SwiftScanner("a // one\n/* two\nthree */ b \"// none\"").comments
        #expect(
            comments == [
                SourceComment(text: "// one", line: 1),
                SourceComment(text: "/* two", line: 2),
                SourceComment(text: "three */", line: 3),
            ]
        )
    }

    @Test func `cut off source ends the scan and nothing else`() {
        for text in ["\"", "\"\"\"", "/*", "`", "#\"", "\"\\(", "\"\\", "/", "#/", "#", "\"\\(\"", "'"] {
            #expect(SwiftScanner(text).tokens.count <= 3)
        }
    }
}
