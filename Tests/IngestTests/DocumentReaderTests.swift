import Glibc
import Testing
import ingest

@Suite struct DocumentReaderTests {
    /// How a document ends, and what was read.
    private func read(
        _ path: DocumentPath,
        bytesMax: Int = IngestLimits.contentBytesMax
    ) async throws -> (outcome: DocumentOutcome, content: [UInt8], detail: String) {
        switch try await DocumentReader(bytesMax: bytesMax).read(path) {
        case .content(let content): (TextCensus(content).isText ? .text : .binary, content, "")
        case .ended(let outcome, let detail): (outcome, [], detail)
        }
    }

    @Test(arguments: [
        ("plain", DocumentOutcome.text, "one two three\nfour five\n"), ("empty", .text, ""),
        ("deep/text.gz", .text, "one two\nthree"), ("deep/empty.gz", .text, ""),
        ("deep/two-members.gz", .text, "first\nsecond"), ("deep/trailing-junk.gz", .text, "first\n"),
        ("deep/er/- and on/-n", .text, "deep down\n"), ("deep/er/- and on/zero.gz", .binary, "a\0b"),
        (#"back\slash"#, .text, "a\n"), ("a\nnewline", .text, "b\n"), ("quote \" ' $(echo x)", .text, "c\n"),
    ])
    func `a document is read and unpacked`(name: String, outcome: DocumentOutcome, text: String) async throws {
        try await Corpus.with { corpus in
            try await corpus.fill()
            let reading = try await read(corpus.path(name))
            #expect(reading.outcome == outcome)
            #expect(String(decoding: reading.content, as: UTF8.self) == text)
        }
    }

    @Test func `a name that is no UTF-8 is read`() async throws {
        try await Corpus.with { corpus in
            let path = try corpus.write([0xff, 0xfe, 0x80], Array("x".utf8))
            let reading = try await read(path)
            #expect(reading.content == Array("x".utf8))
        }
    }

    @Test(arguments: [
        ("deep/hollow.gz", DocumentOutcome.corruptGzip, "unexpected end of file"),
        ("deep/cut.gz", .corruptGzip, "unexpected end of file"), ("deep/fake.gz", .corruptGzip, "not in gzip format"),
        ("none", .vanished, "No such file"), ("plain/none", .vanished, "Not a directory"),
        ("deep", .unreadable, "no regular file"),
        ("deep/link", .unreadable, "symbolic links"), ("deep/pipe", .unreadable, "no regular file"),
    ])
    func `what cannot be read says why`(name: String, outcome: DocumentOutcome, detail: String) async throws {
        try await Corpus.with { corpus in
            try await corpus.fill()
            let reading = try await read(corpus.path(name))
            #expect(reading.outcome == outcome)
            #expect(reading.detail.contains(detail), "\(reading.detail)")
        }
    }

    // A file that everybody may open and nobody read; root may open all others.
    @Test func `an error while reading is the document's end`() async throws {
        let reading = try await read(DocumentPath(Array("/proc/self/mem".utf8)))
        #expect(reading.outcome == .unreadable)
        #expect(reading.detail.contains("Input/output error"))
    }

    @Test(.enabled(if: getuid() != 0, "root may read everything"))
    func `a file that we may not read is unreadable`() async throws {
        try await Corpus.with { corpus in
            let path = try corpus.write("secret", Array("x".utf8))
            try await corpus.shell(#"chmod 0 "$0/secret""#)
            let reading = try await read(path)
            #expect(reading.outcome == .unreadable)
        }
    }

    @Test func `a file that says that it is empty is read to its end`() async throws {
        let reading = try await read(DocumentPath(Array("/proc/self/status".utf8)))
        #expect(reading.outcome == .text)
        #expect(reading.content.starts(with: Array("Name:".utf8)))
    }

    @Test(arguments: [(9, DocumentOutcome.tooLarge), (10, .text), (11, .text)])
    func `the bound holds for a file and for what is unpacked`(bytesMax: Int, outcome: DocumentOutcome) async throws {
        try await Corpus.with { corpus in
            try corpus.write("ten", Array("ten bytes\n".utf8))
            try await corpus.shell(#"gzip -1 -c < "$0/ten" > "$0/ten.gz""#)
            let plain = try await read(corpus.path("ten"), bytesMax: bytesMax)
            #expect(plain.outcome == outcome)
            // The compressed file is longer than ten bytes itself.
            let packed = try await read(corpus.path("ten.gz"), bytesMax: bytesMax)
            #expect(packed.outcome == .tooLarge)
        }
    }

    @Test func `what grows past the bound when it is unpacked is too large`() async throws {
        try await Corpus.with { corpus in
            try await corpus.shell(#"head -c 2000000 /dev/zero | gzip > "$0/bomb.gz""#)
            let packed = try await read(corpus.path("bomb.gz"), bytesMax: 1_999_999)
            #expect(packed.outcome == .tooLarge)
            let whole = try await read(corpus.path("bomb.gz"), bytesMax: 2_000_000)
            #expect(whole.content.count == 2_000_000)
        }
    }

    @Test func `many documents at once leave no descriptor open`() async throws {
        try await Corpus.with { corpus in
            try await corpus.fill()
            let names = ["plain", "deep/text.gz", "deep/cut.gz", "none", "deep/pipe", "deep/two-members.gz"]
            func readAll() async throws {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<60 {
                        group.addTask { _ = try await read(corpus.path(names[number % names.count])) }
                    }
                    try await group.waitForAll()
                }
            }
            try await readAll()
            // Other tests run beside this one, so only a number as large as a leak of each read would show.
            let before = openDescriptors()
            for _ in 0..<5 { try await readAll() }
            #expect(openDescriptors() < before + 200)
        }
    }

    private func openDescriptors() -> Int {
        (0..<4_096).count { fcntl(Int32($0), F_GETFD) >= 0 }
    }
}
