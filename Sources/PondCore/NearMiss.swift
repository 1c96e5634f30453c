/// What somebody may have meant who mistyped a word.
package enum NearMiss {
    /// The nearest of the known words; nil when none is near.
    ///
    /// - Parameter editsMax: how far it may be. Defaults to three letters, and never to more than half of the word.
    package static func of(
        _ word: String,
        among known: some Sequence<String>,
        editsMax: Int = 3
    ) -> String? {
        let most = min(editsMax, max(1, word.utf8.count / 2))
        return known.map { (word: $0, edits: distance($0, word)) }
            .filter { $0.edits <= most }
            .min { ($0.edits, $0.word) < ($1.edits, $1.word) }?
            .word
    }

    /// Letters to add, drop, change or swap with their neighbour.
    package static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.utf8.prefix(64)), Array(second.utf8.prefix(64)))
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
