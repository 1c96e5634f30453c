import Glibc
import Testing
import ingest

@Suite struct FolderWalkTests {
    private func walk(_ root: String, _ batch: Int = 7) -> (files: [DocumentPath], walk: FolderWalk) {
        var walk = FolderWalk(root)
        var files: [DocumentPath] = []
        while case let next = walk.next(batch), !next.isEmpty { files += next }
        return (files, walk)
    }

    @Test func `a walk finds what find finds`() async throws {
        try await Corpus.with { corpus in
            try await corpus.fill()
            let listed = try await corpus.shell(#"find "$0" -type f -print0 | od -An -v -tx1 | tr -d ' \n'"#)
            let expected = Set(listed.split(bytesPairsEndingIn: "00"))
            let found = walk(corpus.folder).files.map { $0.bytes.map(twoDigits).joined() }
            #expect(Set(found) == expected)
            #expect(found.count == expected.count)
            #expect(found.count == Corpus.nasty.count + 2 + 10)
        }
    }

    @Test func `a folder that cannot be read is told`() {
        let (files, walk) = walk("/proc/none")
        #expect(files == [])
        #expect(walk.obstacles.map(\.path.text) == ["/proc/none"])
        #expect(walk.obstacles.first?.reason == "No such file or directory")
    }

    @Test func `a batch is never longer than asked for`() async throws {
        try await Corpus.with { corpus in
            for number in 0..<30 { try corpus.write("f\(number)", []) }
            var walk = FolderWalk(corpus.folder)
            #expect(walk.next(20).count == 20)
            #expect(walk.next(20).count == 10)
            #expect(walk.next(20).isEmpty)
        }
    }

    private func twoDigits(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}

extension String {
    /// Cuts a text of two-digit bytes at every byte of one kind.
    fileprivate func split(bytesPairsEndingIn end: String) -> [String] {
        var parts: [String] = []
        var part = ""
        var rest = self[...]
        while !rest.isEmpty {
            let byte = String(rest.prefix(2))
            rest = rest.dropFirst(2)
            if byte == end {
                parts.append(part)
                part = ""
            } else {
                part += byte
            }
        }
        return parts
    }
}
