// Writes that wait while a transaction is being flushed to the disk go together into the next one: no timer, a busy
// store groups and an idle one does not wait. Each write is a savepoint, so that one that throws undoes itself only.

import GRDB
import Synchronization

/// The writes of one store that wait for the next transaction.
final class CommitGroup: Sendable {
    /// One write: what it does, and how its caller hears of it.
    struct Unit: Sendable {
        /// Does the write and returns what tells the caller, once it is on the disk.
        let run: @Sendable (Database) throws -> @Sendable () -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private struct Waiting {
        var units: [Unit] = []
        var isScheduled = false
    }

    private let waiting = Mutex(Waiting())

    /// Adds a write; it is told of its end from the pool's own queue.
    func add(_ unit: Unit, on pool: DatabasePool) {
        let isFirst = waiting.withLock { waiting in
            waiting.units.append(unit)
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        if isFirst { schedule(on: pool) }
    }

    private func schedule(on pool: DatabasePool) {
        pool.asyncWriteWithoutTransaction { db in
            let (units, isMore) = self.takeBatch()
            // The rest takes its turn behind what else waits for the connection.
            if isMore { self.schedule(on: pool) }
            CommitGroup.commit(units, db)
        }
    }

    private func takeBatch() -> (units: [Unit], isMore: Bool) {
        waiting.withLock { waiting in
            let batch = Array(waiting.units.prefix(SQLiteLimits.writesPerTransactionMax))
            waiting.units.removeFirst(batch.count)
            waiting.isScheduled = !waiting.units.isEmpty
            return (batch, waiting.isScheduled)
        }
    }

    /// Tells the writes of a batch that could not be committed; if one of them was at fault, the others go again alone.
    private static func end(_ units: [Unit], _ refusals: [Int: any Error], _ error: any Error, _ db: Database) {
        // A constraint that is looked at only at the commit (`DEFERRABLE`), or that rolls everything back, does not say
        // whose it is.
        let isOfOne = (error as? DatabaseError)?.resultCode == .SQLITE_CONSTRAINT && units.count > 1
        for (index, unit) in units.enumerated() {
            if isOfOne, refusals[index] == nil {
                commit([unit], db)
            } else {
                unit.fail(refusals[index] ?? error)
            }
        }
    }

    private static func commit(_ units: [Unit], _ db: Database) {
        var done: [@Sendable () -> Void] = []
        var refusals: [Int: any Error] = [:]
        do {
            try db.inTransaction(.immediate) {
                for (index, unit) in units.enumerated() {
                    do {
                        try db.inSavepoint {
                            done.append(try unit.run(db))
                            return .commit
                        }
                    } catch {
                        // A full disk, for one, makes SQLite roll back everything: then no write of this batch holds.
                        guard db.isInsideTransaction else { throw error }
                        refusals[index] = error
                    }
                }
                return .commit
            }
        } catch {
            return end(units, refusals, error, db)
        }
        for (index, error) in refusals { units[index].fail(error) }
        for tell in done { tell() }
    }
}
