import Dispatch
public import GRDB
public import PondCore
import Synchronization

/// One SQLite file with one connection pool: a writer and a few readers.
///
/// Several processes may use the same file, each with one store. The file is in WAL mode, so that readers and the
/// writer do not wait for each other; a write that returned is on the disk (`synchronous = FULL`); foreign keys hold.
/// Nothing is opened before the first call.
public final class SQLiteStore: Sendable {
    private enum State {
        case idle
        case open(DatabasePool)
        case closed
    }

    /// The file.
    public let path: String
    private let schemas: [SQLiteSchema]
    private let busyTimeout: Duration
    private let clock: LocalClock
    private let tuning: SQLiteTuning
    private let state = Mutex(State.idle)
    private let group = CommitGroup()
    /// Opening and closing block their thread, so they have a queue of their own, and one place in the line.
    private let opener = DispatchQueue(label: "millpond.sqlite.opener")

    /// - Parameters:
    ///   - path: the file, made when it is missing; its folder has to exist.
    ///   - schemas: the tables that the first call brings up to date, each under a name of its own.
    ///   - busyTimeout: how long a write waits for another process. Defaults to 5 seconds.
    public convenience init(
        path: String,
        schemas: [SQLiteSchema],
        busyTimeout: Duration = SQLiteLimits.busyTimeout,
        clock: LocalClock = .system
    ) {
        self.init(path: path, schemas: schemas, busyTimeout: busyTimeout, clock: clock, tuning: SQLiteTuning())
    }

    /// A store that is laid out and flushed in another way.
    package init(
        path: String,
        schemas: [SQLiteSchema],
        busyTimeout: Duration = SQLiteLimits.busyTimeout,
        clock: LocalClock = .system,
        tuning: SQLiteTuning
    ) {
        precondition(busyTimeout >= .zero, "a busy timeout cannot be negative, got \(busyTimeout)")
        let names = schemas.map(\.name)
        precondition(Set(names).count == names.count, "two schemas of one file have the same name: \(names)")
        self.path = path
        self.schemas = schemas
        self.busyTimeout = busyTimeout
        self.clock = clock
        self.tuning = tuning
    }

    /// A store with the tables of one user.
    public convenience init(
        path: String,
        schema: SQLiteSchema,
        busyTimeout: Duration = SQLiteLimits.busyTimeout,
        clock: LocalClock = .system
    ) {
        self.init(path: path, schemas: [schema], busyTimeout: busyTimeout, clock: clock)
    }

    /// Reads a state of the file that stays the same for the whole closure.
    ///
    /// - Throws: `SQLiteError`, `CancellationError` when the task is cancelled, or what the closure throws.
    public func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do {
            return try await pool().read(body)
        } catch let error as DatabaseError {
            // An interrupted statement is how a cancelled read ends.
            try Task.checkCancellation()
            throw translated(error)
        }
    }

    /// Writes: all of it is on the disk when this returns, or none of it when it throws.
    ///
    /// Writes that wait at the same time share one transaction; one that throws undoes nothing of the others. So
    /// the closure must not begin or end a transaction. Once it waits for its turn it is carried out, cancelled or not.
    ///
    /// - Throws: `SQLiteError`, `CancellationError` when the task was cancelled before, or what the closure throws.
    public func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        let pool = try await pool()
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            let unit = CommitGroup.Unit(
                run: { db in
                    let value = try body(db)
                    return { continuation.resume(returning: value) }
                },
                fail: { continuation.resume(throwing: self.translated($0)) }
            )
            group.add(unit, on: pool)
        }
    }

    /// Writes in a transaction that nobody shares, for large ones: all of it is written when this returns, or none of it
    /// when it throws.
    ///
    /// What shares a transaction can be undone alone, for which SQLite copies each page that it changes; here it does not.
    ///
    /// - Throws: `SQLiteError`, `CancellationError` when the task was cancelled before, or what the closure throws.
    func writeAlone<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        let pool = try await pool()
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            pool.asyncWriteWithoutTransaction { db in
                let result = Result {
                    var value: T?
                    try db.inTransaction(.immediate) {
                        value = try body(db)
                        return .commit
                    }
                    guard let value else { preconditionFailure("a transaction was committed without its body") }
                    return value
                }
                continuation.resume(with: result.mapError { self.translated($0) })
            }
        }
    }

    /// A value that changes when anybody has written to the file, this store or another; cheap to ask for.
    func changeMark() async throws -> ChangeMark {
        let pool = try await pool()
        do {
            return try await pool.writeWithoutTransaction { db in
                // The version counts the commits of other connections, the total the rows that this one changed.
                ChangeMark(
                    version: try Int.fetchOne(db, sql: "PRAGMA data_version") ?? 0,
                    total: db.totalChangesCount
                )
            }
        } catch {
            throw translated(error)
        }
    }

    /// How far a file was written to, to be compared with an earlier time.
    struct ChangeMark: Sendable, Equatable {
        let version: Int
        let total: Int
    }

    /// Whether this store keeps the tables of that name.
    func keeps(_ schema: SQLiteSchema) -> Bool { schemas.contains { $0.name == schema.name } }

    /// Closes the file; a second time it does nothing, and calls after it fail.
    ///
    /// - Throws: `SQLiteError` when the file cannot be closed in order.
    public func close() async throws {
        try await onOpener {
            let last = self.state.withLock { state in
                defer { state = .closed }
                return state
            }
            guard case .open(let pool) = last else { return }
            do { try pool.close() } catch { throw self.translated(error) }
        }
    }
}

// MARK: - Opening

extension SQLiteStore {
    private func pool() async throws -> DatabasePool {
        if case .open(let pool) = state.withLock({ $0 }) { return pool }
        let deadline = clock.now() + busyTimeout
        var failures = 0
        while true {
            do {
                return try await onOpener { try self.openOnce() }
            } catch let error as SQLiteError where error.code == .busy && clock.now() < deadline {
                // The first change to WAL mode does not wait for others that do the same, it fails at once.
                failures += 1
                try await clock.sleep(SQLiteLimits.openRetry.delay(afterFailures: failures))
            }
        }
    }

    private func openOnce() throws -> DatabasePool {
        switch state.withLock({ $0 }) {
        case .open(let pool): return pool
        case .closed: throw SQLiteError(.cannotOpen, "\(path): this store has been closed; make a new one")
        case .idle: break
        }
        do {
            tuning.prepare(path)
            let pool = try DatabasePool(path: path, configuration: configuration())
            try pool.writeWithoutTransaction { db in
                try tuning.applyToWriter(db)
                for schema in schemas { try schema.apply(db, path: path) }
            }
            state.withLock { $0 = .open(pool) }
            return pool
        } catch {
            throw translated(error)
        }
    }

    private func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeout.inSeconds)
        let milliseconds = busyTimeout.wholeMilliseconds
        // Readers too: they wait only while another process opens, closes or repairs the file.
        configuration.prepareDatabase { [tuning] db in
            try db.execute(sql: "PRAGMA busy_timeout = \(milliseconds)")
            try tuning.apply(db)
        }
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = SQLiteLimits.readersMax
        configuration.label = "millpond.sqlite"
        return configuration
    }

    private func onOpener<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            opener.async { continuation.resume(with: Result { try body() }) }
        }
    }

    private func translated(_ error: any Error) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        return SQLiteError(error, path: path, busyTimeout: busyTimeout)
    }
}
