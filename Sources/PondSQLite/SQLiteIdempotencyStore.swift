// Keys in a file: for programs whose workers share a machine, and for jobs whose keys must outlive Redis.
//
// Claims and ends are fenced: each carries the number of its job's delivery, and a number below the highest that was
// seen changes nothing. Windows are judged by this machine's wall clock, which everybody who uses the file shares.

import FoundationEssentials
import GRDB
public import PondCore

/// Who holds which key, kept in an SQLite file.
public final class SQLiteIdempotencyStore: IdempotencyStore {
    /// The file.
    public let store: SQLiteStore
    private let keyWindow: Duration
    /// How long the key of a done or dead job answers for it.
    public var window: Duration? { keyWindow }
    private let wallClock: @Sendable () -> ServerTime
    private let sweep = Sweep()

    /// - Parameters:
    ///   - path: the file, made when it is missing; its folder has to exist.
    ///   - window: how long a key answers for a job that is done or dead. Defaults to 24 hours.
    /// - Throws: `PondError.invalidConfiguration` when the window is not from an hour to 30 days.
    public convenience init(path: String, window: Duration = Limits.keyWindowDefault) throws(PondError) {
        try self.init(SQLiteStore(path: path, schema: SQLiteIdempotencyStore.schema), window: window)
    }

    /// Keys in a store that has others' tables as well; `SQLiteIdempotencyStore.schema` has to be among its schemas.
    ///
    /// - Throws: `PondError.invalidConfiguration` when the window is not from an hour to 30 days, or the store does not
    ///   keep the keys' table.
    public convenience init(_ store: SQLiteStore, window: Duration = Limits.keyWindowDefault) throws(PondError) {
        try self.init(store, window: window, wallClock: WallClock.read)
    }

    /// A store whose clock a test turns.
    package init(
        _ store: SQLiteStore,
        window: Duration = Limits.keyWindowDefault,
        wallClock: @escaping @Sendable () -> ServerTime
    ) throws(PondError) {
        guard Limits.keyWindow.contains(window) else {
            throw PondError(
                .invalidConfiguration,
                "the keys' window is \(window.human), allowed is an hour to 30 days (24 hours unless it is given)"
            )
        }
        guard store.keeps(SQLiteIdempotencyStore.schema) else {
            throw PondError(
                .invalidConfiguration,
                "\(store.path): give its store SQLiteIdempotencyStore.schema among its schemas"
            )
        }
        self.store = store
        keyWindow = window
        self.wallClock = wallClock
    }

    /// The keys' own table.
    public static let schema = SQLiteSchema(
        name: "pond.keys",
        steps: [
            """
            CREATE TABLE pond_keys (
                queue TEXT NOT NULL,
                key BLOB NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('running', 'done', 'dead')),
                job BLOB NOT NULL,
                fence INTEGER NOT NULL,
                fingerprint TEXT NOT NULL,
                checksum TEXT,
                result BLOB,
                result_until_ms INTEGER,
                claimed_ms INTEGER NOT NULL,
                ended_ms INTEGER,
                free_ms INTEGER,
                PRIMARY KEY (queue, key)
            ) STRICT;
            CREATE INDEX pond_keys_free ON pond_keys (free_ms) WHERE free_ms IS NOT NULL;
            CREATE INDEX pond_keys_result ON pond_keys (result_until_ms) WHERE result_until_ms IS NOT NULL;
            """
        ]
    )

    /// Closes the file, for whoever shares the store too; a second time it does nothing, and calls after it fail.
    public func close() async throws {
        try await store.close()
    }
}

// MARK: - The port

extension SQLiteIdempotencyStore {
    /// Takes the key for a delivery of a job that is about to run.
    ///
    /// - Throws: `SQLiteError`; then nothing was written.
    public func claim(_ job: KeyedJob) async throws -> KeyClaim {
        let fingerprint = Fingerprint.of(job.kind, job.data)
        return try await store.write { db in
            let now = self.wallClock()
            let found = try KeyRow.find(job.key, in: job.queue, at: now, db)
            let claim = found?.answer(to: job, fingerprint: fingerprint) ?? .claimed
            guard case .claimed = claim else { return claim }
            try KeyRow.insert(job, fingerprint: fingerprint, at: now, db)
            try self.sweepIfDue(db, now)
            return .claimed
        }
    }

    /// Notes how the job ended.
    ///
    /// - Returns: false when the key is another's by now, or ended in another way; then nothing was changed.
    /// - Throws: `PondError.invalidJob` when the result is too long, `SQLiteError`; then nothing was written.
    public func end(_ job: KeyedJob, as ending: KeyEnding) async throws -> Bool {
        if case .done(let result?) = ending { _ = try result.checked(for: job.id) }
        return try await store.write { db in
            let now = self.wallClock()
            let found = try KeyRow.find(job.key, in: job.queue, db)
            switch KeyRow.change(found, by: job, ending) {
            case .refuse: return false
            case .keep: return true
            case .remove: try KeyRow.remove(job.key, in: job.queue, db)
            case .end: try KeyRow.end(job, as: ending, at: now, window: self.keyWindow, db)
            }
            try self.sweepIfDue(db, now)
            return true
        }
    }

    /// What is known of a key, nil when nothing is or its window is over.
    public func record(of key: IdempotencyKey, in queue: QueueName) async throws -> KeyRecord? {
        let now = wallClock()
        return try await store.read { db in try KeyRow.find(key, in: queue, at: now, db)?.record }
    }

    /// Throws out the keys whose window is over, and results that were to be kept for less.
    ///
    /// Not needed in general: the store does it as it goes, a few rows at a time.
    /// - Returns: how many keys there were.
    @discardableResult
    public func purge() async throws -> Int {
        let now = wallClock()
        var total = 0
        while true {
            let (keys, results) = try await store.write { db in
                try KeyRow.sweepOut(at: now, atMost: SQLiteLimits.purgeRowsMax, db)
            }
            total += keys
            if max(keys, results) < SQLiteLimits.purgeRowsMax { return total }
        }
    }

    private func sweepIfDue(_ db: Database, _ now: ServerTime) throws {
        guard sweep.isDue() else { return }
        _ = try KeyRow.sweepOut(at: now, atMost: SQLiteLimits.sweepRowsMax, db)
    }
}
