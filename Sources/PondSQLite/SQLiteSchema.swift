import GRDB

/// The tables of one user of a store, and how they came to be: SQL steps that are added to and never changed.
public struct SQLiteSchema: Sendable {
    /// Whose tables they are, as in `inbox`.
    ///
    /// Several schemas with names of their own may live in one file.
    public let name: String
    /// SQL, one script a version; a file made by an earlier program runs only the steps that it lacks.
    public let steps: [String]

    public init(name: String, steps: [String]) {
        self.name = name
        self.steps = steps
    }

    /// Brings a file to the last version, in one transaction, safe against other processes that do the same.
    ///
    /// - Throws: `SQLiteError.cannotOpen` when a newer program made the file.
    func apply(_ db: Database, path: String) throws {
        // The common case takes no write lock.
        if try db.tableExists("pond_schema"), try version(db) == steps.count { return }
        try db.inTransaction(.immediate) {
            try db.execute(
                sql: "CREATE TABLE IF NOT EXISTS pond_schema (name TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL)"
            )
            let found = try version(db)
            guard found <= steps.count else {
                throw SQLiteError(
                    .cannotOpen,
                    "\(path) has version \(found) of the tables of \(name), this program knows up to \(steps.count); "
                        + "use a newer program or another file"
                )
            }
            for step in steps[found...] { try db.execute(sql: step) }
            try db.execute(
                sql: """
                    INSERT INTO pond_schema (name, version) VALUES (?, ?)
                    ON CONFLICT(name) DO UPDATE SET version = excluded.version
                    """,
                arguments: [name, steps.count]
            )
            return .commit
        }
    }

    private func version(_ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT version FROM pond_schema WHERE name = ?", arguments: [name]) ?? 0
    }
}
