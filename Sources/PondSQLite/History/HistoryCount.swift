import GRDB

/// Totals that would take long to count.
enum HistoryCount: String {
    /// Events that were ever indexed.
    case events
    /// Events that retention has taken since.
    case removed
    /// Entries and events that could not be understood.
    case unreadable

    func add(_ count: Int, _ db: Database) throws {
        guard count > 0 else { return }
        try db.cachedStatement(
            sql:
                "INSERT INTO pond_history_counts VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"
        ).execute(arguments: [rawValue, count])
    }

    func read(_ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT count FROM pond_history_counts WHERE name = ?", arguments: [rawValue]) ?? 0
    }
}
