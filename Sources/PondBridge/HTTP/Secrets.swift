/// Words that must not appear in a log, an error or a record.
package struct Secrets: Sendable, Hashable {
    /// A word that is shorter tells nobody anything, and would make holes in texts.
    private static let bytesMin = 4

    private let words: [String]

    /// Of these words, those that are long enough to tell anything.
    package init(_ words: [String]) {
        // The longer first: one may be a part of another.
        self.words = Set(words).filter { $0.utf8.count >= Self.bytesMin }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// These and others.
    package func and(_ others: [String]) -> Secrets { Secrets(words + others) }

    /// The text with `***` for each of them.
    package func masked(in text: String) -> String {
        words.reduce(text) { $0.contains($1) ? $0.replacing($1, with: "***") : $0 }
    }
}
