// An effect and the note that it was done go into one transaction of one file, so that both are there or neither is.
// A job that comes again finds the note, skips its work and has the answer of the first time.
//
// It guards what is written in that transaction and nothing else: not a mail, not a call, not another file.

import FoundationEssentials
import GRDB
public import PondCore

/// The notes of what jobs have done, in the SQLite file that holds what they did.
///
/// ```swift
/// let inbox = try Inbox(path: "orders.sqlite", schemas: [Orders.schema])
/// let total = try await job.inbox(inbox) { db in try Orders.book(order, in: db) }
/// ```
public final class Inbox: Sendable {
    /// The file; the user's own tables are in it too.
    public let store: SQLiteStore
    private let window: Duration
    private let wallClock: @Sendable () -> ServerTime
    private let sweep = Sweep()

    /// - Parameters:
    ///   - path: the file, made when it is missing; its folder has to exist.
    ///   - schemas: the tables of the user, in the same file.
    ///   - window: how long a note is kept, by this machine's clock. Defaults to 30 days.
    /// - Throws: `PondError.invalidConfiguration` when the window is not from an hour to ten years.
    public convenience init(
        path: String,
        schemas: [SQLiteSchema] = [],
        window: Duration = SQLiteLimits.inboxWindowDefault
    ) throws(PondError) {
        try self.init(SQLiteStore(path: path, schemas: schemas + [Inbox.schema]), window: window)
    }

    /// An inbox in a store that has others' tables as well; `Inbox.schema` has to be among its schemas.
    ///
    /// - Throws: `PondError.invalidConfiguration` when the window is not from an hour to ten years, or the store does
    ///   not keep the inbox's tables.
    public convenience init(
        _ store: SQLiteStore,
        window: Duration = SQLiteLimits.inboxWindowDefault
    ) throws(PondError) {
        try self.init(store, window: window, wallClock: WallClock.read)
    }

    /// An inbox whose clock a test turns.
    package init(
        _ store: SQLiteStore,
        window: Duration = SQLiteLimits.inboxWindowDefault,
        wallClock: @escaping @Sendable () -> ServerTime
    ) throws(PondError) {
        guard SQLiteLimits.inboxWindow.contains(window) else {
            throw PondError(
                .invalidConfiguration,
                "an inbox's window is \(window.human), allowed is an hour to ten years (30 days unless it is given)"
            )
        }
        guard store.keeps(Inbox.schema) else {
            throw PondError(.invalidConfiguration, "\(store.path): give its store Inbox.schema among its schemas")
        }
        self.store = store
        self.window = window
        self.wallClock = wallClock
    }

    /// The inbox's own table.
    public static let schema = SQLiteSchema(
        name: "pond.inbox",
        steps: [
            """
            CREATE TABLE pond_inbox (
                queue TEXT NOT NULL,
                name BLOB NOT NULL,
                step TEXT NOT NULL,
                job BLOB NOT NULL,
                fence INTEGER NOT NULL,
                fingerprint TEXT NOT NULL,
                answer BLOB,
                at_ms INTEGER NOT NULL,
                PRIMARY KEY (queue, name, step)
            ) STRICT;
            CREATE INDEX pond_inbox_at ON pond_inbox (at_ms);
            """
        ]
    )

    /// Throws out the notes that are older than the window.
    ///
    /// Not needed in general: the inbox does it as it goes, a few rows at a time.
    /// - Returns: how many there were.
    @discardableResult
    public func purge() async throws -> Int {
        let end = windowEnd
        var total = 0
        while true {
            let count = try await store.write { db in
                try Inbox.sweepOut(before: end, atMost: SQLiteLimits.purgeRowsMax, db)
            }
            total += count
            if count < SQLiteLimits.purgeRowsMax { return total }
        }
    }

    /// Closes the file, for whoever shares the store too; a second time it does nothing, and calls after it fail.
    public func close() async throws {
        try await store.close()
    }

    private var windowEnd: ServerTime { wallClock().advanced(by: .zero - window) }

    private static func sweepOut(before end: ServerTime, atMost count: Int, _ db: Database) throws -> Int {
        try db.execute(
            sql: """
                DELETE FROM pond_inbox WHERE rowid IN
                (SELECT rowid FROM pond_inbox WHERE at_ms < ? ORDER BY at_ms LIMIT ?)
                """,
            arguments: [end.milliseconds, count]
        )
        return db.changesCount
    }
}

// MARK: - A step

extension Inbox {
    /// How a step went.
    enum Taken<Answer: Sendable>: Sendable {
        /// It was done now.
        case fresh(Answer)
        /// It was done before, with this answer as JSON; nil when it left none.
        case known(Data?)
    }

    /// Runs the work of a step and notes it, unless a note says that it was done.
    func take<Answer: Sendable>(
        _ entry: InboxEntry,
        encode: @escaping @Sendable (Answer) throws -> Data?,
        _ body: @escaping @Sendable (Database) throws -> Answer
    ) async throws -> Taken<Answer> {
        let taken = try await store.write { db -> Taken<Answer> in
            if let found = try entry.stored(in: db) { return .known(found.answer) }
            let answer = try body(db)
            try entry.insert(answer: try encode(answer), at: self.wallClock(), in: db)
            if self.sweep.isDue() {
                _ = try Inbox.sweepOut(before: self.windowEnd, atMost: SQLiteLimits.sweepRowsMax, db)
            }
            CrashPoint.beforeInboxCommit.reach()
            return .fresh(answer)
        }
        if case .fresh = taken { CrashPoint.afterInboxCommit.reach() }
        return taken
    }
}
