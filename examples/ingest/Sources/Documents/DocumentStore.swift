import GRDB
import PondCore
import PondSQLite

/// The rows of all documents, in one SQLite file that any number of workers write.
///
/// Every write says what is true of one document and replaces what was said before, so that a job that runs twice
/// changes nothing.
package struct DocumentStore: Sendable {
    let store: SQLiteStore

    /// Nothing is opened before the first call; the file's folder has to exist.
    package init(path: String) {
        store = SQLiteStore(path: path, schema: DocumentStore.schema)
    }

    /// Closes the file.
    package func close() async throws {
        try await store.close()
    }

    private static let schema = SQLiteSchema(
        name: "ingest",
        steps: [
            """
            CREATE TABLE documents (
                path TEXT PRIMARY KEY NOT NULL,
                outcome TEXT NOT NULL,
                detail TEXT NOT NULL,
                encoding TEXT,
                bytes INTEGER,
                lines INTEGER,
                words INTEGER,
                sha256 TEXT,
                top_words TEXT,
                links INTEGER
            ) WITHOUT ROWID;
            CREATE TABLE links (
                path TEXT NOT NULL REFERENCES documents (path) ON DELETE CASCADE,
                url TEXT NOT NULL,
                host TEXT NOT NULL,
                times INTEGER NOT NULL,
                PRIMARY KEY (path, url)
            ) WITHOUT ROWID;
            """
        ]
    )
}

extension DocumentStore {
    /// Stores a document's row.
    ///
    /// What is known of its links stays when its content is the same, and goes otherwise.
    package func put(_ row: DocumentRow) async throws {
        let topWords = row.topWords.map { words in
            "{" + words.map { "\"\($0.text)\":\($0.count)" }.joined(separator: ",") + "}"
        }
        let arguments: StatementArguments = [
            row.path.text, row.outcome.rawValue, row.detail, row.encoding?.rawValue, row.bytes, row.lines, row.words,
            row.sha256, topWords,
        ]
        try await store.write { db in
            let statement = try db.cachedStatement(sql: Self.putSQL)
            try statement.execute(arguments: arguments)
            if row.outcome != .text { try Self.forgetLinks(db, row.path) }
        }
    }

    /// Stores the links of a document that has a row, in the place of those that it had.
    package func put(_ links: [Link], of path: DocumentPath) async throws {
        let path = path.text
        try await store.write { db in
            try db.execute(sql: "DELETE FROM links WHERE path = ?", arguments: [path])
            let insert = try db.cachedStatement(sql: "INSERT INTO links (path, url, host, times) VALUES (?, ?, ?, ?)")
            for link in links { try insert.execute(arguments: [path, link.url, link.host, link.times]) }
            try db.execute(sql: "UPDATE documents SET links = ? WHERE path = ?", arguments: [links.count, path])
        }
    }

    private static func forgetLinks(_ db: Database, _ path: DocumentPath) throws {
        try db.execute(sql: "DELETE FROM links WHERE path = ?", arguments: [path.text])
    }

    private static let putSQL = """
        INSERT INTO documents (path, outcome, detail, encoding, bytes, lines, words, sha256, top_words)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (path) DO UPDATE SET
            outcome = excluded.outcome, detail = excluded.detail, encoding = excluded.encoding, bytes = excluded.bytes,
            lines = excluded.lines, words = excluded.words, sha256 = excluded.sha256, top_words = excluded.top_words,
            links = CASE WHEN outcome = excluded.outcome AND sha256 IS excluded.sha256 THEN links END
        """
}
