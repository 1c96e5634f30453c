import FoundationEssentials
package import GRDB

/// The ledger's table and the table of guarded effects, as files.
package enum LedgerFile {
    /// No unique constraint anywhere: a ledger that cannot hold a duplicate cannot show one.
    static let schema = """
        CREATE TABLE IF NOT EXISTS ledger (
            n INTEGER PRIMARY KEY, mono_ns INTEGER NOT NULL, job TEXT NOT NULL, fence INTEGER NOT NULL,
            step TEXT NOT NULL, proc TEXT NOT NULL, accepted INTEGER NOT NULL
        );
        CREATE TABLE IF NOT EXISTS payments (
            n INTEGER PRIMARY KEY, mono_ns INTEGER NOT NULL, saga TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL,
            step TEXT NOT NULL, undo INTEGER NOT NULL, fence INTEGER NOT NULL, proc TEXT NOT NULL, cents INTEGER NOT NULL,
            token TEXT NOT NULL, outcome TEXT NOT NULL
        )
        """

    static let insertPayment = """
        INSERT INTO payments (mono_ns, saga, id, key, step, undo, fence, proc, cents, token, outcome)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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

    /// What the provider of the sagas was asked after the row `last`, in order.
    package static func payments(in path: String, after last: Int64 = 0) throws -> [PaymentRow] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        return try payments(in: try DatabaseQueue(path: path, configuration: configuration), after: last)
    }

    /// The same of a file that is open.
    package static func payments(in database: DatabaseQueue, after last: Int64) throws -> [PaymentRow] {
        try database.read { db in
            guard try db.tableExists("payments") else { return [] }
            return try Row.fetchAll(db, sql: "SELECT * FROM payments WHERE n > ? ORDER BY n", arguments: [last]).map {
                PaymentRow(
                    saga: $0["saga"],
                    id: $0["id"],
                    key: $0["key"],
                    step: $0["step"],
                    isUndo: $0["undo"],
                    fence: $0["fence"],
                    process: $0["proc"],
                    cents: $0["cents"],
                    token: $0["token"],
                    outcome: PaymentRow.Outcome(rawValue: $0["outcome"]) ?? .no,
                    monotonic: $0["mono_ns"],
                    order: $0["n"]
                )
            }
        }
    }
}
