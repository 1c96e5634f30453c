// A job is written into the same transaction as the change that it follows from, so that there is never one without
// the other. A relay ships it to its queue afterwards, perhaps twice, under a key that the queue takes once.

import FoundationEssentials
public import GRDB
public import PondCore
import Synchronization

/// Jobs that wait in a user's own SQLite file for a relay to ship them.
///
/// ```swift
/// let outbox = try Outbox(path: "orders.sqlite", schemas: [Orders.schema])
/// try await outbox.write { db in
///     try Orders.book(order, in: db)
///     try outbox.enqueue(try NewJob(SendReceipt.self, receipt), to: "emails", in: db)
/// }
/// ```
public final class Outbox: Sendable {
    /// The file; the user's own tables are in it too.
    public let store: SQLiteStore
    /// Tells a relay in this process that there is something to do.
    let wakeUp = WakeSignal()
    let wallClock: @Sendable () -> ServerTime
    /// The connections whose present transaction rings the wake-up already.
    private let ringing = Mutex<Set<ObjectIdentifier>>([])

    /// - Parameters:
    ///   - path: the file, made when it is missing; its folder has to exist.
    ///   - schemas: the tables of the user, in the same file.
    public convenience init(path: String, schemas: [SQLiteSchema] = []) {
        self.init(
            checked: SQLiteStore(path: path, schemas: schemas + [Outbox.schema]),
            wallClock: WallClock.read
        )
    }

    /// An outbox in a store that has others' tables as well, as an inbox; `Outbox.schema` has to be among its schemas.
    ///
    /// - Throws: `PondError.invalidConfiguration` when the store does not keep the outbox's tables.
    public convenience init(_ store: SQLiteStore) throws(PondError) {
        try self.init(store, wallClock: WallClock.read)
    }

    /// An outbox whose clock a test turns.
    package convenience init(
        _ store: SQLiteStore,
        wallClock: @escaping @Sendable () -> ServerTime
    ) throws(PondError) {
        guard store.keeps(Outbox.schema) else {
            throw PondError(.invalidConfiguration, "\(store.path): give its store Outbox.schema among its schemas")
        }
        self.init(checked: store, wallClock: wallClock)
    }

    private init(checked store: SQLiteStore, wallClock: @escaping @Sendable () -> ServerTime) {
        self.store = store
        self.wallClock = wallClock
    }

    /// Closes the file, for whoever shares the store too; a second time it does nothing, and calls after it fail.
    public func close() async throws {
        try await store.close()
    }
}

// MARK: - Writing

extension Outbox {
    /// Writes the user's change and the jobs that follow from it: all of it is on the disk when this returns, or none of
    /// it when it throws.
    ///
    /// The same as the store's own `write`, in which `enqueue` can be called as well.
    ///
    /// - Throws: `SQLiteError`, `CancellationError` when the task was cancelled before, or what the closure throws.
    public func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        let value = try await store.write { db in
            let value = try body(db)
            CrashPoint.beforeOutboxCommit.reach()
            return value
        }
        CrashPoint.afterOutboxCommit.reach()
        return value
    }

    /// Adds a job to the transaction that is under way in this outbox's file.
    ///
    /// A job without a key gets one of its row's own, so that it is enqueued once however often it is shipped. A delay is
    /// counted from now.
    ///
    /// - Parameters:
    ///   - queueName: where to.
    ///   - parent: the job whose handler adds this one; from it come the correlation id and the trace, as in
    ///     `JobContext.enqueue`. Defaults to none.
    ///   - lane: jobs of a lane are shipped in the order in which they were written; lanes do not wait for each other.
    ///     At most 128 bytes. Defaults to the queue's name.
    /// - Returns: the row's number.
    /// - Throws: `OutboxError.invalid` or `full`; then nothing was written, and the transaction may go on.
    @discardableResult
    public func enqueue(
        _ job: NewJob,
        to queueName: String,
        causedBy parent: (any DeliveredJob)? = nil,
        lane: String? = nil,
        in db: Database
    ) throws -> Int64 {
        let job = parent.map { job.caused(by: $0.job) } ?? job
        guard db.isInsideTransaction else {
            throw OutboxError(
                .invalid,
                "a job is added in a transaction, with the change that it follows from; use write"
            )
        }
        let queue: QueueName
        do { queue = try QueueName(queueName) } catch { throw OutboxError(.invalid, error.message) }
        try job.checkForOutbox()
        let lane = lane ?? queue.text
        try Outbox.checkRoom(in: lane, db)
        let envelope = try OutboxEnvelope(job).encoded()
        try db.cachedStatement(
            sql: "INSERT INTO pond_outbox (lane, queue, envelope, data, enqueued_ms) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [lane, queue.text, envelope, Data(job.data), wallClock().milliseconds])
        let row = db.lastInsertedRowID
        ringAfterCommit(db)
        return row
    }

    private static func checkRoom(in lane: String, _ db: Database) throws {
        guard (1...SQLiteLimits.laneBytesMax).contains(lane.utf8.count), lane.utf8.allSatisfy({ $0 >= 0x20 }) else {
            throw OutboxError(
                .invalid,
                "a lane's name has \(lane.utf8.count) bytes, allowed are 1 to \(SQLiteLimits.laneBytesMax) "
                    + "without control characters"
            )
        }
        let unsent = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT unsent FROM pond_outbox_lanes WHERE lane = ?"),
            arguments: [lane]
        )
        if let unsent {
            guard unsent >= SQLiteLimits.laneRowsMax else { return }
            throw OutboxError(
                .full,
                "lane \(lane) has \(unsent) unsent rows, allowed are \(SQLiteLimits.laneRowsMax); see that a relay runs"
            )
        }
        let lanes = try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM pond_outbox_lanes")) ?? 0
        guard lanes >= SQLiteLimits.lanesMax else { return }
        throw OutboxError(.full, "\(lanes) lanes have unsent rows, allowed are \(SQLiteLimits.lanesMax); use fewer")
    }

    private func ringAfterCommit(_ db: Database) {
        let connection = ObjectIdentifier(db)
        guard ringing.withLock({ $0.insert(connection).inserted }) else { return }
        db.afterNextTransaction { _ in
            _ = self.ringing.withLock { $0.remove(connection) }
            self.wakeUp.ring()
        } onRollback: { _ in
            _ = self.ringing.withLock { $0.remove(connection) }
        }
    }
}

// MARK: - Tables

extension Outbox {
    /// The outbox's own tables.
    ///
    /// Row numbers are never used again (AUTOINCREMENT), because they are part of the keys. The triggers count each lane's
    /// rows, so that nobody ever has to; a lane without rows is forgotten.
    public static let schema = SQLiteSchema(
        name: "pond.outbox",
        steps: [
            """
            CREATE TABLE pond_outbox (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                lane TEXT NOT NULL,
                queue TEXT NOT NULL,
                envelope BLOB NOT NULL,
                data BLOB NOT NULL,
                enqueued_ms INTEGER NOT NULL,
                tries INTEGER NOT NULL DEFAULT 0,
                last_error TEXT
            ) STRICT;
            CREATE INDEX pond_outbox_lane ON pond_outbox (lane, id);
            CREATE TABLE pond_outbox_lanes (
                lane TEXT PRIMARY KEY NOT NULL,
                unsent INTEGER NOT NULL,
                parked_row INTEGER,
                parked_ms INTEGER,
                parked_reason TEXT
            ) STRICT;
            CREATE TRIGGER pond_outbox_added AFTER INSERT ON pond_outbox BEGIN
                INSERT INTO pond_outbox_lanes (lane, unsent) VALUES (new.lane, 1)
                ON CONFLICT (lane) DO UPDATE SET unsent = unsent + 1;
            END;
            CREATE TRIGGER pond_outbox_removed AFTER DELETE ON pond_outbox BEGIN
                UPDATE pond_outbox_lanes SET unsent = unsent - 1 WHERE lane = old.lane;
                DELETE FROM pond_outbox_lanes WHERE lane = old.lane AND unsent <= 0;
            END;
            CREATE TABLE pond_outbox_facts (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
            INSERT INTO pond_outbox_facts VALUES ('file', lower(hex(randomblob(16))));
            """
        ]
    )
}
