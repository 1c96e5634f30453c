import Testing

/// Words that belong to the place where a text was written, not to the project.
enum Wording {
    // In halves, or this file would be its own first finding.
    private static let places = ["/wo" + "rk/", "/opt/sw" + "ift-packages", "this ses" + "sion"]
    private static let words = ["fa" + "rm"]

    static func violations(path: String, text: String) -> [Violation] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().flatMap { number, line -> [Violation] in
            let lowercased = line.lowercased()
            let found = places.filter { lowercased.contains($0) } + words.filter { hasWord($0, in: lowercased) }
            return found.map { Violation(path: path, line: number + 1, text: "says '\($0)'") }
        }
    }

    private static func hasWord(_ word: String, in line: String) -> Bool {
        line.split { !$0.isLetter }.contains { $0 == word }
    }
}

@Suite struct WordingTests {
    @Test func `no text names the machine it was written on`() throws {
        for path in try Repository.files() {
            let bytes = try Repository.bytes(path)
            // What has a NUL byte is no text.
            if bytes.contains(0) { continue }
            expectNone(Wording.violations(path: path, text: String(decoding: bytes, as: UTF8.self)))
        }
    }

    @Test(arguments: ["see /wo" + "rk/x", "in This ses" + "sion", "the fa" + "rm's", "a-fa" + "rm-b"])
    func `a word of the workplace is found`(text: String) {
        #expect(Wording.violations(path: "a", text: "one\n" + text).map(\.line) == [2])
    }

    @Test(arguments: ["homework/a", "network", "that session", "unfa" + "rmed", "/works"])
    func `a word that only contains one is not`(text: String) {
        #expect(Wording.violations(path: "a", text: text).isEmpty)
    }
}
