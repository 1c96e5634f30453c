import Millpond

/// The rows and what they answer, for people.
enum ReportText {
    /// The table of what the rows add up to, with a run's own numbers behind.
    static func totals(
        _ totals: DocumentTotals,
        _ run: [(name: String, value: Table.Cell)],
        on terminal: Terminal
    ) -> String {
        var table = Table([.text("documents"), .number("")])
        table.add(["files", .count(totals.allFiles)])
        for outcome in DocumentOutcome.allCases where outcome == .text || totals.count(outcome) > 0 {
            table.add([.text("  \(outcome.rawValue)"), .count(totals.count(outcome))])
        }
        table.add(["bytes of text", .count(totals.bytes)])
        table.add(["lines", .count(totals.lines)])
        table.add(["words", .count(totals.words)])
        table.add(["links", .count(totals.links)])
        for (name, value) in run { table.add([.text(name), value]) }
        return table.text(for: terminal)
    }

    /// A few questions and their answers.
    static func answers(_ answers: DocumentAnswers, on terminal: Terminal) -> String {
        var sheet = Sheet()
        for (place, document) in answers.largest.enumerated() {
            sheet.add(place == 0 ? "largest documents" : "", "\(document.path) · \(document.bytes.grouped) bytes")
        }
        for (place, host) in answers.hosts.enumerated() {
            let text = "\(host.host) · in \(host.documents.of("document")), \(host.times.of("time"))"
            sheet.add(place == 0 ? "most linked hosts" : "", text)
        }
        let words = answers.words.map { "\($0.word) (\($0.documents.grouped))" }
        sheet.add("words that matter in most documents", words.joined(separator: ", "))
        sheet.add("files that repeat another's content", answers.needlessCopies.grouped)
        for (place, content) in answers.duplicates.enumerated() {
            let text = "\(content.copies.grouped) × \(content.bytes.grouped) bytes, one is \(content.path)"
            sheet.add(place == 0 ? "most repeated contents" : "", text)
        }
        return sheet.text(for: terminal)
    }

    /// The same for programs.
    static func members(_ totals: DocumentTotals) -> [(String, JSONValue)] {
        let outcomes = DocumentOutcome.allCases.map { ($0.rawValue, JSONValue.count(totals.count($0))) }
        return [
            ("files", .count(totals.allFiles)), ("outcomes", .object(outcomes)), ("bytes", .count(totals.bytes)),
            ("lines", .count(totals.lines)), ("words", .count(totals.words)), ("links", .count(totals.links)),
        ]
    }

    /// The answers for programs.
    static func members(_ answers: DocumentAnswers) -> [(String, JSONValue)] {
        [
            (
                "largest_documents",
                .array(answers.largest.map { .object([("path", .string($0.path)), ("bytes", .count($0.bytes))]) })
            ),
            (
                "most_linked_hosts",
                .array(
                    answers.hosts.map {
                        .object([
                            ("host", .string($0.host)), ("documents", .count($0.documents)),
                            ("times", .count($0.times)),
                        ])
                    }
                )
            ),
            (
                "significant_words",
                .array(
                    answers.words.map { .object([("word", .string($0.word)), ("documents", .count($0.documents))]) }
                )
            ),
            ("repeated_files", .count(answers.needlessCopies)),
            (
                "most_repeated_contents",
                .array(
                    answers.duplicates.map {
                        .object([
                            ("copies", .count($0.copies)), ("bytes", .count($0.bytes)), ("path", .string($0.path)),
                        ])
                    }
                )
            ),
        ]
    }
}
