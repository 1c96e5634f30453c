import Testing
import ingest

@Suite struct DocumentStoreTests {
    private let path = DocumentPath(Array("/doc/a".utf8))
    private let text = Array("quince http://a.example/ quince http://b.example/\n".utf8)

    private func with(_ body: (DocumentStore) async throws -> Void) async throws {
        try await Corpus.with { corpus in
            let documents = DocumentStore(path: "\(corpus.folder)/rows.sqlite")
            try await body(documents)
            try await documents.close()
        }
    }

    @Test func `a second run of both jobs changes nothing`() async throws {
        try await with { documents in
            var fingerprints: Set<String> = []
            for _ in 0..<3 {
                try await documents.put(DocumentRow(path, content: text))
                try await documents.put(LinkFinder.links(in: text), of: path)
                fingerprints.insert(try await documents.fingerprint())
            }
            #expect(fingerprints.count == 1)
            let totals = try await documents.totals()
            #expect(totals.allFiles == 1)
            #expect(
                [totals.bytes, totals.lines, totals.words, totals.links, totals.linked] == [text.count, 1, 4, 2, 1]
            )
        }
    }

    @Test func `a row that is written again keeps its links while its content is the same`() async throws {
        try await with { documents in
            try await documents.put(DocumentRow(path, content: text))
            try await documents.put(LinkFinder.links(in: text), of: path)
            try await documents.put(DocumentRow(path, content: text))
            #expect(try await documents.totals().linked == 1)
            try await documents.put(DocumentRow(path, content: text + Array("more\n".utf8)))
            #expect(try await documents.totals().linked == 0)
        }
    }

    @Test func `a text that is gone has no links`() async throws {
        try await with { documents in
            try await documents.put(DocumentRow(path, content: text))
            try await documents.put(LinkFinder.links(in: text), of: path)
            try await documents.put(DocumentRow(path, .vanished, detail: "No such file or directory"))
            #expect(try await documents.totals().files == [.vanished: 1])
            #expect(try await documents.answers().hosts.isEmpty)
        }
    }

    @Test func `links replace those of the last run`() async throws {
        try await with { documents in
            try await documents.put(DocumentRow(path, content: text))
            try await documents.put(LinkFinder.links(in: text), of: path)
            try await documents.put(LinkFinder.links(in: Array("http://c.example".utf8)), of: path)
            #expect(try await documents.answers().hosts.map(\.host) == ["c.example"])
        }
    }

    @Test func `every outcome has its row, with what is known`() async throws {
        try await with { documents in
            for outcome in DocumentOutcome.allCases {
                try await documents.put(DocumentRow(DocumentPath(Array("/\(outcome)".utf8)), outcome, detail: "why"))
            }
            try await documents.put(DocumentRow(DocumentPath(Array("/b".utf8)), content: [0]))
            let totals = try await documents.totals()
            #expect(totals.count(.binary) == 2)
            #expect(totals.allFiles == DocumentOutcome.allCases.count + 1)
        }
    }

    @Test func `answers come from the rows`() async throws {
        try await with { documents in
            for (name, text) in [
                ("a", "quince quince http://x.example"), ("b", "quince"), ("c", "quince"), ("d", "plum"),
            ] {
                let path = DocumentPath(Array("/\(name)".utf8))
                try await documents.put(DocumentRow(path, content: Array(text.utf8)))
                try await documents.put(LinkFinder.links(in: Array(text.utf8)), of: path)
            }
            let answers = try await documents.answers()
            #expect(answers.largest.map(\.path) == ["/a", "/b", "/c"])
            #expect(answers.words.first?.word == "quince")
            #expect(answers.words.first?.documents == 3)
            #expect(answers.needlessCopies == 1)
            #expect(answers.duplicates.map(\.copies) == [2])
            #expect(answers.hosts.map(\.times) == [1])
        }
    }

    @Test func `a path with odd bytes is one row`() async throws {
        try await with { documents in
            let odd = DocumentPath([0x2f, 0xff, 0x0a, 0x5c])
            for _ in 0..<2 { try await documents.put(DocumentRow(odd, content: text)) }
            #expect(try await documents.answers().largest.map(\.path) == [#"/\xff\x0a\\"#])
        }
    }
}
