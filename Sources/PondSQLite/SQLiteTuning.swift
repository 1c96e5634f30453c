import GRDB
import Glibc

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
    /// Whether a file that is made can be read by its owner alone, whatever the process's mask is; its `-wal` and `-shm`
    /// then are too, because SQLite gives them the mode of the file.
    ///
    /// Defaults to false, for files that belong to an application.
    package var isPrivate = false
    /// Memory for pages, a connection; nil for SQLite's 2 MB.
    package var cacheBytes: Int?
    /// What the file beside the database is cut to after it was needed to be larger; nil for no cut.
    package var logBytesMax: Int?

    package init() {}

    /// Before anything is opened.
    func prepare(_ path: String) {
        guard isPrivate else { return }
        // Only a new file: to close one that is there would end the locks that this process has on it.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        // Why a file cannot be made, SQLite's own attempt tells.
        if descriptor >= 0 { close(descriptor) }
    }

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
