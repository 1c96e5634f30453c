import Testing

/// docs/why.md and the list of reasons say the same.
@Suite struct WhyPageTests {
    @Test func `the page has every reason, and no other`() throws {
        let source = try Repository.text("Sources/PondInsight/Why/Reason.swift")
        let lines = source.split(separator: "\n").drop { !$0.contains("enum Reason") }.prefix { $0 != "}" }
        let reasons = lines.filter { $0.hasPrefix("    case ") }.map { line -> String in
            let words = line.split(separator: " ")
            return words.count > 2 ? words[3].filter { $0 != "\"" } : String(words[1])
        }
        let rows = try Repository.text("docs/why.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
            .compactMap { $0.split(separator: "`").dropFirst().first.map { String($0) } }
        #expect(reasons.count > 10)
        #expect(Set(rows) == Set(reasons) && rows.count == reasons.count)
    }
}
