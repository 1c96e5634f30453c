import Glibc
import Subprocess
import SystemPackage
import ingest

/// A folder of files that counters get wrong, gone when the test is over.
struct Corpus: Sendable {
    let folder: String

    /// Runs a test with a fresh folder.
    static func with<T>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Corpus) async throws -> T
    ) async throws -> T {
        var template = Array("/tmp/ingest-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        let corpus = Corpus(folder: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        do {
            let value = try await body(corpus)
            try await corpus.remove()
            return value
        } catch {
            try await corpus.remove()
            throw error
        }
    }

    private func remove() async throws {
        _ = try await shell("chmod -R u+w \"$0\"; rm -rf \"$0\"", folder)
    }

    /// Runs a shell script and returns what it printed.
    @discardableResult
    func shell(_ script: String, _ arguments: String...) async throws -> String {
        let result = try await Subprocess.run(
            .name("sh"),
            arguments: Arguments(["-c", script] + (arguments.isEmpty ? [folder] : arguments)),
            output: .string(limit: 1_048_576),
            error: .string(limit: 65_536)
        )
        guard case .exited(0) = result.terminationStatus else { throw ShellFailure(text: result.standardError) }
        return result.standardOutput
    }

    struct ShellFailure: Error {
        let text: String
    }

    /// Writes a file.
    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> DocumentPath {
        try write(Array(name.utf8), Array(bytes))
    }

    /// Writes a file with a name of any bytes.
    @discardableResult
    func write(_ name: [UInt8], _ bytes: [UInt8]) throws -> DocumentPath {
        let path = DocumentPath(Array("\(folder)/".utf8) + name)
        let file = (path.bytes + [0]).withUnsafeBytes {
            fopen($0.baseAddress!.assumingMemoryBound(to: CChar.self), "we")
        }
        guard let file else { throw Errno(rawValue: errno) }
        fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0 else { throw Errno(rawValue: errno) }
        return path
    }

    func path(_ name: String) -> DocumentPath { DocumentPath(Array("\(folder)/\(name)".utf8)) }

    /// Files of every kind that has gone wrong somewhere.
    ///
    /// Two are named in bytes that are no UTF-8.
    func fill() async throws {
        for (name, bytes) in Corpus.nasty { try write(name, bytes) }
        try write([0xff, 0xfe, UInt8(ascii: "x")], Array("an odd name\n".utf8))
        try write(
            Array("caf".utf8) + [0xe9, UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "b")],
            Array("a b\nc".utf8)
        )
        try await shell(
            """
            cd "$0"; mkdir -p 'deep/er/- and on' unreadable
            printf 'one two\\nthree' | gzip > deep/text.gz
            printf '' | gzip > deep/empty.gz
            : > deep/hollow.gz
            head -c 300000 /dev/urandom | gzip | head -c 100000 > deep/cut.gz
            printf 'no gzip at all' > deep/fake.gz
            (printf 'first\\n' | gzip; printf 'second' | gzip) > deep/two-members.gz
            (printf 'first\\n' | gzip; printf 'junk') > deep/trailing-junk.gz
            printf 'a\\0b' | gzip > 'deep/er/- and on/zero.gz'
            printf 'deep down\\n' > 'deep/er/- and on/-n'
            ln -s ../plain deep/link; ln -s nowhere deep/dangling; ln -s . deep/ring; mkfifo deep/pipe
            ln plain deep/hard-link
            """
        )
    }

    /// Adds a line of 50 MB, plain and packed.
    func addLongLine() async throws {
        try await shell(
            #"head -c 52428800 /dev/zero | tr '\0' y > "$0/line of 50 MB"; gzip -1 -c "$0/line of 50 MB" > "$0/line.gz""#
        )
    }

    /// Names and contents.
    static let nasty: [(String, [UInt8])] = [
        ("plain", Array("one two three\nfour five\n".utf8)),
        ("empty", []),
        ("no final newline", Array("one\ntwo".utf8)),
        ("only newlines", Array("\n\n\n".utf8)),
        ("crlf", Array("one two\r\nthree\r\n".utf8)),
        ("spaces", Array(" \t \u{b} \u{c} \r  ".utf8)),
        ("zero", [UInt8(ascii: "a"), 0, UInt8(ascii: "b"), UInt8(ascii: "\n")]),
        ("latin-1", [0x63, 0x61, 0x66, 0xe9, 0x20, 0xe9, 0x20, 0xe0, 0x0a]),
        ("no-break space in latin-1", [0x61, 0xa0, 0x62, 0x20, 0xa0, 0x0a]),
        ("utf-8", Array("Die Straße – naïve “quotes” … 世界 é\n— —\n".utf8)),
        ("broken utf-8", [0x61, 0xc3, 0x28, 0x20, 0xf0, 0x9f, 0x20, 0x80, 0x0a]),
        ("control words", Array("\u{1} \u{2} a\u{1}b \u{7f} \u{1b}[1mbold\u{1b}[0m ".utf8) + Array("word ".utf8) * 60),
        ("mostly controls", (0..<200).map { $0.isMultiple(of: 10) ? 1 : 0x61 }),
        ("overstruck", Array("N\u{8}NA\u{8}AM\u{8}ME\u{8}E\n".utf8)),
        ("utf-16", [0xff, 0xfe, 0x61, 0, 0x62, 0]),
        (#"back\slash"#, Array("a\n".utf8)),
        ("a\nnewline", Array("b\n".utf8)),
        ("quote \" ' $(echo x)", Array("c\n".utf8)),
        ("trailing space ", Array("d\n".utf8)),
    ]
}

private func * (bytes: [UInt8], times: Int) -> [UInt8] {
    Array((0..<times).map { _ in bytes }.joined())
}
