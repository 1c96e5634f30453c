import GRDB

/// How a file is laid out and flushed.
package struct SQLiteTuning: Sendable {
    /// Whether a write that returned survives a power cut.
    ///
    /// Without it the last writes may be undone by one, as if they had never been, but not by the end of the process.
    /// Defaults to true.
    package var survivesPowerCut = true
    /// Whether pages that are free can be given back to the disk; only a file that is made with it can.
    ///
    /// Defaults to false.
    package var givesBackPages = false
    /// Memory for pages, a connection; nil for SQLite's 2 MB.
    package var cacheBytes: Int?
    /// What the file beside the database is cut to after it was needed to be larger; nil for no cut.
    package var logBytesMax: Int?

    package init() {}

    /// For each connection, before the first table is made.
    func apply(_ db: Database) throws {
        // Without effect on a file that has tables.
        if givesBackPages, !db.configuration.readonly { try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL") }
        if let cacheBytes { try db.execute(sql: "PRAGMA cache_size = -\(cacheBytes / 1_024)") }
    }

    /// For the connection that writes, after the pool has opened it.
    func applyToWriter(_ db: Database) throws {
        // The pool asks for NORMAL when it opens, with which the last writes may be lost in a power cut.
        try db.execute(sql: "PRAGMA synchronous = \(survivesPowerCut ? "FULL" : "NORMAL")")
        if let logBytesMax { _ = try Int.fetchOne(db, sql: "PRAGMA journal_size_limit = \(logBytesMax)") }
    }
}
