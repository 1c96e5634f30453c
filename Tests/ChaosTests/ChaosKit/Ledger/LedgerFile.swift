import FoundationEssentials
import GRDB

/// The ledger's table and the table of guarded effects, as files.
package enum LedgerFile {
    /// No unique constraint anywhere: a ledger that cannot hold a duplicate cannot show one.
    static let schema = """
        CREATE TABLE IF NOT EXISTS ledger (
            n INTEGER PRIMARY KEY, mono_ns INTEGER NOT NULL, job TEXT NOT NULL, fence INTEGER NOT NULL,
            step TEXT NOT NULL, proc TEXT NOT NULL, accepted INTEGER NOT NULL
        )
        """

    /// The table of guarded effects, beside the inbox's own in the workers' file.
    ///
    /// Without a unique constraint, for the same reason.
    package static let guardedSchema = """
        CREATE TABLE guarded_effects (
            n INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, job TEXT NOT NULL, step TEXT NOT NULL,
            action TEXT NOT NULL, proc TEXT NOT NULL
        )
        """

    /// Every row of a ledger, in the order in which it was written; none when there is no file.
    package static func rows(in path: String) throws -> [LedgerRow] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try DatabaseQueue(path: path).read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM ledger ORDER BY n").map { row in
                LedgerRow(
                    job: row["job"],
                    fence: row["fence"],
                    step: row["step"],
                    process: row["proc"],
                    isAccepted: row["accepted"],
                    monotonic: row["mono_ns"]
                )
            }
        }
    }

    /// Every guarded effect, in the order of its commit; none when there is no file or no such table.
    package static func guarded(in path: String) throws -> [GuardedRow] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try DatabaseQueue(path: path).read { db in
            guard try db.tableExists("guarded_effects") else { return [] }
            return try Row.fetchAll(db, sql: "SELECT * FROM guarded_effects ORDER BY n").map { row in
                GuardedRow(
                    scope: row["scope"],
                    job: row["job"],
                    step: row["step"],
                    action: row["action"],
                    process: row["proc"],
                    order: row["n"]
                )
            }
        }
    }
}
