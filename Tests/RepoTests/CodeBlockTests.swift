import Testing

/// Blocks of a page that show a file as it is; `scripts/docs` writes them.
struct CodeBlocks {
    struct Block: Equatable {
        var file: String
        var code: String
    }

    /// The blocks of the page, in order.
    private(set) var blocks: [Block] = []

    private static let begin = "<!-- code: "
    private static let end = "<!-- end of code -->"

    /// - Throws: `Unended`, when a block does not end.
    init(_ text: String) throws {
        var block: (file: String, lines: [Substring])?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(Self.begin), line.hasSuffix(" -->") {
                if let block { throw Unended(file: block.file) }
                block = (String(line.dropFirst(Self.begin.count).dropLast(4)), [])
            } else if line == Self.end, let ended = block {
                blocks.append(Block(file: ended.file, code: Self.code(ended.lines)))
                block = nil
            } else {
                block?.lines.append(line)
            }
        }
        if let block { throw Unended(file: block.file) }
    }

    struct Unended: Error {
        var file: String
    }

    /// What stands between the fences; the lines around them are not the file's.
    private static func code(_ lines: [Substring]) -> String {
        let inside = lines.drop { $0.isEmpty }.dropFirst()
        guard let close = inside.lastIndex(of: "```") else { return "" }
        return inside[..<close].map { $0 + "\n" }.joined()
    }
}

@Suite struct CodeBlockTests {
    private static let producers = "examples/producers"
    private static let linesMax = 40

    private func programs() throws -> [String] {
        try Repository.files(under: Self.producers).filter { $0.lowercased().contains("/produce.") }
    }

    @Test func `every block of code on a page is the file that it shows`() throws {
        for page in try Repository.files(under: "docs", suffix: ".md") {
            for block in try CodeBlocks(try Repository.text(page)).blocks {
                let file = try Repository.text(block.file)
                #expect(block.code == file, "\(page) shows another \(block.file); mend it with scripts/docs")
            }
        }
    }

    @Test func `the page of the producers shows each of them`() throws {
        let shown = try CodeBlocks(try Repository.text("docs/producers.md")).blocks.map(\.file)
        let programs = try programs()
        #expect(programs.count == 9)
        #expect(shown.sorted() == programs)
    }

    @Test func `a producer is short enough to be read at once`() throws {
        for path in try programs() {
            let lines = try Repository.text(path).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.count <= Self.linesMax, "\(path) has \(lines.count) lines")
            let widest = lines.map(\.count).max() ?? 0
            #expect(widest <= Lengths.columnsMax, "\(path) has a line of \(widest) columns")
        }
    }

    private let page = "a\n<!-- code: x/y.py -->\n\n```python\nb\n\nc\n```\n\n<!-- end of code -->\nd\n"

    @Test func `a block is what stands between the fences`() throws {
        #expect(try CodeBlocks(page).blocks == [.init(file: "x/y.py", code: "b\n\nc\n")])
        #expect(try CodeBlocks("```python\nb\n```\n").blocks.isEmpty)
    }

    @Test func `a block that another line slipped into is another code`() throws {
        let changed = page.replacing("c\n", with: "c\ne\n")
        #expect(try CodeBlocks(changed).blocks != CodeBlocks(page).blocks)
        #expect(try CodeBlocks(page.replacing("```python\nb\n\nc\n```\n", with: "")).blocks.map(\.code) == [""])
    }

    @Test func `a block that does not end is an error`() {
        #expect(throws: CodeBlocks.Unended.self) {
            try CodeBlocks(page.replacing("<!-- end of code -->\n", with: ""))
        }
        #expect(throws: CodeBlocks.Unended.self) { try CodeBlocks("<!-- code: a -->\n" + page) }
    }
}
