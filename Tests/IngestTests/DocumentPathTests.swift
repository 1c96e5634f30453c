import PondTestKit
import Testing
import ingest

@Suite struct DocumentPathTests {
    @Test(arguments: [
        (Array("/a/b c".utf8), "/a/b c"), (Array("/é/世".utf8), "/é/世"), (Array(#"/a\b"#.utf8), #"/a\\b"#),
        ([0x2f, 0xff, 0x61], #"/\xffa"#), ([0x2f, 0x0a, 0x1b, 0x7f], #"/\x0a\x1b\x7f"#),
        ([0x2f, 0xc3], #"/\xc3"#), ([0x2f, 0xe4, 0xb8, 0x61], #"/\xe4\xb8a"#), ([0x2f, 0xc2, 0x85], #"/\xc2\x85"#),
        (Array(#"/\xff"#.utf8), #"/\\xff"#),
    ])
    func `a path has one text and comes back whole`(bytes: [UInt8], text: String) throws {
        #expect(DocumentPath(bytes).text == text)
        #expect(try DocumentPath(text: text).bytes == bytes)
    }

    @Test func `any bytes come back whole`() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let bytes = (0..<20).map { _ in UInt8.random(in: 1...255, using: &generator) }
            #expect(try DocumentPath(text: DocumentPath(bytes).text).bytes == bytes)
        }
    }

    @Test(arguments: ["", #"a\"#, #"a\b"#, #"a\x1"#, #"a\xzz"#, #"\x00"#, "a\0b", #"\x-1"#])
    func `a text that is no path is refused`(text: String) {
        #expect(throws: DocumentPath.Malformed.self) { try DocumentPath(text: text) }
    }

    @Test(arguments: [("a.gz", true), (".gz", true), ("a.GZ", false), ("agz", false), ("a.gz/b", false)])
    func `only the end of the name says gzip`(name: String, isGzip: Bool) {
        #expect(DocumentPath(Array(name.utf8)).isGzip == isGzip)
    }
}
