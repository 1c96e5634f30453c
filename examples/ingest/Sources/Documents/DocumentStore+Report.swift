import GRDB
import PondSQLite

/// What the rows add up to.
package struct DocumentTotals: Sendable, Hashable {
    /// Files by how they ended.
    package var files: [DocumentOutcome: Int] = [:]
    /// Sums over the text documents.
    package var bytes = 0
    package var lines = 0
    package var words = 0
    /// Different URLs, each once a document.
    package var links = 0
    /// Text documents whose links have been stored.
    package var linked = 0

    package init(files: [DocumentOutcome: Int] = [:], bytes: Int = 0, lines: Int = 0, words: Int = 0) {
        self.files = files
        self.bytes = bytes
        self.lines = lines
        self.words = words
    }

    /// All files, however they ended.
    package var allFiles: Int { files.values.reduce(0, +) }
    /// The files that ended in one way.
    package func count(_ outcome: DocumentOutcome) -> Int { files[outcome] ?? 0 }
}

/// What people ask of the rows.
package struct DocumentAnswers: Sendable {
    /// The longest text documents.
    package var largest: [(path: String, bytes: Int)] = []
    /// The hosts that the most documents link to.
    package var hosts: [(host: String, documents: Int, times: Int)] = []
    /// The words that matter most in the most documents.
    package var words: [(word: String, documents: Int)] = []
    /// Contents that stand in more than one file.
    package var duplicates: [(copies: Int, bytes: Int, path: String)] = []
    /// Files that repeat the content of another one.
    package var needlessCopies = 0
}

extension DocumentStore {
    /// How many documents have a row, and how many of them their links.
    package func progress() async throws -> (documents: Int, linked: Int) {
        try await store.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT count(*), count(links) FROM documents")
            return (row?[0] ?? 0, row?[1] ?? 0)
        }
    }

    /// Adds up all rows.
    package func totals() async throws -> DocumentTotals {
        try await store.read { db in
            var totals = DocumentTotals()
            let sql = """
                SELECT outcome, count(*), sum(bytes), sum(lines), sum(words), sum(links), count(links)
                FROM documents GROUP BY outcome
                """
            for row in try Row.fetchAll(db, sql: sql) {
                guard let outcome = DocumentOutcome(rawValue: row[0]) else { continue }
                totals.files[outcome] = row[1]
                guard outcome == .text else { continue }
                (totals.bytes, totals.lines, totals.words) = (row[2] ?? 0, row[3] ?? 0, row[4] ?? 0)
                (totals.links, totals.linked) = (row[5] ?? 0, row[6])
            }
            return totals
        }
    }

    /// The answers to the questions that `report` asks.
    package func answers() async throws -> DocumentAnswers {
        try await store.read { db in
            var answers = DocumentAnswers()
            answers.largest = try Row.fetchAll(db, sql: Self.largestSQL).map { ($0[0], $0[1]) }
            answers.hosts = try Row.fetchAll(db, sql: Self.hostsSQL).map { ($0[0], $0[1], $0[2]) }
            answers.words = try Row.fetchAll(db, sql: Self.wordsSQL).map { ($0[0], $0[1]) }
            answers.duplicates = try Row.fetchAll(db, sql: Self.duplicatesSQL).map { ($0[0], $0[1], $0[2]) }
            answers.needlessCopies =
                try Int.fetchOne(db, sql: "SELECT count(sha256) - count(DISTINCT sha256) FROM documents") ?? 0
            return answers
        }
    }

    /// SHA-256 over every row and every link in order: equal when, and only when, two runs left the same rows.
    package func fingerprint() async throws -> String {
        try await store.read { db in
            var hash = Digest()
            for sql in ["SELECT * FROM documents ORDER BY path", "SELECT * FROM links ORDER BY path, url"] {
                let rows = try Row.fetchCursor(db, sql: sql)
                while let row = try rows.next() {
                    for value in row.databaseValues { hash.add(Array("\(value);".utf8)) }
                }
            }
            return hash.text()
        }
    }

    private static let largestSQL =
        "SELECT path, bytes FROM documents WHERE outcome = 'text' ORDER BY bytes DESC, path LIMIT 3"
    private static let hostsSQL = """
        SELECT host, count(DISTINCT path) AS documents, sum(times) FROM links
        GROUP BY host ORDER BY documents DESC, host LIMIT 5
        """
    private static let wordsSQL = """
        SELECT key, count(*) AS documents FROM documents, json_each(top_words)
        GROUP BY key ORDER BY documents DESC, key LIMIT 10
        """
    private static let duplicatesSQL = """
        SELECT count(*) AS copies, max(bytes), min(path) FROM documents WHERE sha256 IS NOT NULL AND bytes > 0
        GROUP BY sha256 HAVING copies > 1 ORDER BY copies DESC, min(path) LIMIT 3
        """
}
