import Testing
import ingest

@Suite struct SignificantWordsTests {
    private func words(_ text: String, _ encoding: TextEncoding = .utf8) -> [String] {
        SignificantWords.top(Array(text.utf8), encoding).map { "\($0.text) \($0.count)" }
    }

    @Test func `words that are repeated come first, words of equal weight by the alphabet`() {
        #expect(words("pear apple pear cherry apple pear banana") == ["pear 3", "apple 2", "banana 1", "cherry 1"])
    }

    @Test func `everyday words never matter`() {
        #expect(words("the the the and would have been of quince don't isn’t it's") == ["quince 1"])
    }

    @Test func `words of every licence need four times the count`() {
        #expect(words("license license license license quince") == ["license 4", "quince 1"])
        #expect(words("license license license quince") == ["quince 1", "license 3"])
    }

    @Test func `case does not count`() {
        #expect(words("Stream STREAM stream Straße STRAßE Ärger ärger") == ["stream 3", "straße 2", "ärger 2"])
    }

    @Test func `digits, signs and quotation marks are part of no word`() {
        #expect(
            words("'quoted' rock'n'roll x86 sha256sum foo_bar <b>bold</b>") == [
                "bar 1", "bold 1", "foo 1", "quoted 1", "rock'n'roll 1", "sha 1", "sum 1",
            ]
        )
    }

    @Test func `words that are too short or too long are passed over`() {
        let forty = String(repeating: "x", count: 40)
        #expect(words("ab abc \(forty) \(forty)x") == ["abc 1", "\(forty) 1"])
    }

    @Test func `ten words are kept`() {
        let text = (0..<200).map { "word" + letters($0) }.joined(separator: " ") + " wordzz wordzz"
        let top = words(text)
        #expect(top.count == 10)
        #expect(top.first == "wordzz 2")
        #expect(top[1] == "wordaa 1")
    }

    @Test func `latin-1 letters are letters`() {
        let bytes: [UInt8] = [0x63, 0x61, 0x66, 0xe9, 0x20, 0x43, 0x41, 0x46, 0xc9, 0xd7]
        #expect(SignificantWords.top(bytes, .latin1) == [SignificantWord(text: "café", count: 2)])
    }

    @Test func `a document of many different words is counted in full`() {
        // More than the first tables hold, each twice, and one three times.
        let many = (0..<20_000).map { "w" + letters($0) }
        let text = (many + many + [many[12_345]]).joined(separator: "\n")
        #expect(words(text).first == "\(many[12_345]) 3")
        #expect(words(text)[1] == "waaaa 2" || words(text)[1] == "waa 2")
    }

    /// A number in letters, the same for the same number.
    private func letters(_ number: Int) -> String {
        var text = ""
        var rest = number
        repeat {
            text = String(UnicodeScalar(UInt8(97 + rest % 26))) + text
            rest /= 26
        } while rest > 0 || text.utf8.count < 2
        return text
    }
}
