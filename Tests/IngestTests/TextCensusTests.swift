import PondTestKit
import Testing
import ingest

@Suite struct TextCensusTests {
    /// What `wc` says of some bytes: lines, words, bytes.
    private func wc(_ corpus: Corpus, _ bytes: [UInt8]) async throws -> [Int] {
        let path = try corpus.write("bytes", bytes)
        let text = try await corpus.shell(#"LC_ALL=C wc < "$0""#, path.text)
        return text.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
    }

    @Test func `a census counts as wc does in the C locale`() async throws {
        try await Corpus.with { corpus in
            for (name, bytes) in Corpus.nasty {
                let census = TextCensus(bytes)
                let counted = try await wc(corpus, bytes)
                #expect(counted == [census.lines, census.words, census.bytes], "\(name)")
            }
        }
    }

    @Test func `a census counts as wc does for bytes of every kind`() async throws {
        var generator = SeededGenerator(seed: 42)
        try await Corpus.with { corpus in
            for _ in 0..<60 {
                let bytes = (0..<400).map { _ -> UInt8 in
                    switch UInt8.random(in: 0...3, using: &generator) {
                    case 0: UInt8.random(in: 0...255, using: &generator)
                    case 1: [9, 10, 11, 12, 13, 32].randomElement(using: &generator)!
                    case 2: UInt8.random(in: 0x80...255, using: &generator)
                    default: UInt8.random(in: 0x21...0x7e, using: &generator)
                    }
                }
                let census = TextCensus(bytes)
                let counted = try await wc(corpus, bytes)
                #expect(counted == [census.lines, census.words, census.bytes], "\(bytes)")
            }
        }
    }

    @Test(arguments: [
        ("plain", true), ("empty", true), ("zero", false), ("latin-1", true), ("broken utf-8", true),
        ("control words", true), ("mostly controls", false), ("overstruck", true), ("utf-16", false),
    ])
    func `text is told from what is none`(name: String, isText: Bool) throws {
        let bytes = try #require(Corpus.nasty.first { $0.0 == name }).1
        #expect(TextCensus(bytes).isText == isText)
    }

    @Test(arguments: [
        ("plain", TextEncoding.ascii), ("empty", .ascii), ("utf-8", .utf8), ("latin-1", .latin1),
        ("broken utf-8", .latin1),
    ])
    func `the encoding is read off the bytes`(name: String, encoding: TextEncoding) throws {
        let bytes = try #require(Corpus.nasty.first { $0.0 == name }).1
        #expect(TextCensus(bytes).encoding(of: bytes) == encoding)
    }

    @Test func `one control character in fifty bytes is text and one in forty-nine is none`() {
        let text = [UInt8](repeating: 0x61, count: 48)
        #expect(TextCensus(text + [1, 0x61]).isText)
        #expect(!TextCensus(text + [1]).isText)
    }
}
