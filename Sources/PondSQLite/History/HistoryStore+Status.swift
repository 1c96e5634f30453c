import GRDB
import Glibc
package import PondCore

/// How a history stands.
package struct HistoryStatus: Sendable, Hashable {
    /// What the file is the history of; nil when no follower has said.
    package var server: String?
    /// How far each stream was read.
    package var positions: [HistoryPosition]
    /// The newest gaps, newest first, at most 20.
    package var gaps: [HistoryGap]
    /// How many gaps there are, at most 10,000.
    package var gapCount: Int
    /// How many events are known to be missing in them.
    package var missed: Int64
    /// The events that can be searched.
    package var events: Int
    /// The events that retention has taken.
    package var removed: Int
    /// Entries and events that could not be understood.
    package var unreadable: Int
    /// The time of the oldest event.
    package var oldest: ServerTime?
    /// The size of the file, in bytes.
    package var bytes: Int64
    /// The part of it that holds something.
    package var usedBytes: Int64
    /// The size of the log beside it.
    package var logBytes: Int64
    /// Events a second, over the last full minute.
    package var eventsPerSecond: Double
    /// Whether a follower has the file.
    package var isFollowed: Bool

    /// How many events of all journals were not read yet when a follower last looked.
    package var behind: Int64 { positions.reduce(0) { $0 + ($1.behind ?? 0) } }
    /// When a follower last read anything.
    package var readAt: ServerTime? { positions.map(\.readAt).max() }
}

extension HistoryStore {
    /// How the history stands; any process that can read the file may ask.
    ///
    /// - Throws: `SQLiteError`, `OutboxError.cannotLock` when nobody can say whether a follower runs.
    package func status() async throws -> HistoryStatus {
        let minute = wallClock().milliseconds / 60_000
        let path = store.path
        let isFollowed = try HistoryStore.isFollowed(path)
        return try await store.read { db in
            let size = try HistorySize(db)
            let lastMinute = try Int.fetchOne(
                db,
                sql: "SELECT events FROM pond_history_minutes WHERE minute = ?",
                arguments: [minute - 1]
            )
            let events = try HistoryCount.events.read(db)
            let removed = try HistoryCount.removed.read(db)
            return HistoryStatus(
                server: try String.fetchOne(db, sql: "SELECT server FROM pond_history_origin"),
                positions: try HistoryPosition.all(db),
                gaps: try HistoryGap.newest(20, db),
                gapCount: try Int.fetchOne(db, sql: "SELECT count(*) FROM pond_history_gaps") ?? 0,
                // As a double, because numbers from outside may be too large for their sum.
                missed: Int64(
                    min(try Double.fetchOne(db, sql: "SELECT total(missed) FROM pond_history_gaps") ?? 0, 9e18)
                ),
                events: events - removed,
                removed: removed,
                unreadable: try HistoryCount.unreadable.read(db),
                oldest: try Int64.fetchOne(db, sql: "SELECT min(ms) FROM pond_history_entries").map {
                    ServerTime(milliseconds: $0)
                },
                bytes: size.bytes,
                usedBytes: size.usedBytes,
                logBytes: fileSize(path + "-wal"),
                eventsPerSecond: Double(lastMinute ?? 0) / 60,
                isFollowed: isFollowed
            )
        }
    }

    /// The rows of events and of jobs, counted one by one: for tests, it takes long in a large file.
    package func counts() async throws -> (events: Int, jobs: Int) {
        try await store.read { db in
            func count(_ table: String) throws -> Int {
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? 0
            }
            return (try count("pond_history_events"), try count("pond_history_jobs"))
        }
    }

    /// Takes the right to fill the file, nil when another follower has it.
    ///
    /// Only to spare two followers the same work: what keeps an event from being indexed twice is in the file itself.
    ///
    /// - Throws: `OutboxError.cannotLock`.
    package func lock() throws -> HistoryLock? {
        try RelayLock.take(beside: store.path, HistoryStore.lockSuffix).map { HistoryLock(lock: $0) }
    }

    private static let lockSuffix = ".follow.lock"

    private static func isFollowed(_ path: String) throws -> Bool {
        try RelayLock.isTaken(beside: path, lockSuffix)
    }
}

/// The right to fill a history's file; given back when it is released.
package struct HistoryLock: Sendable {
    let lock: RelayLock
}

/// How many bytes a file has, and how many of them hold something.
struct HistorySize {
    let bytes: Int64
    let usedBytes: Int64
    let freePages: Int64

    init(_ db: Database) throws {
        func number(_ name: String) throws -> Int64 { try Int64.fetchOne(db, sql: "PRAGMA \(name)") ?? 0 }
        let pageBytes = try number("page_size")
        let pages = try number("page_count")
        freePages = try number("freelist_count")
        bytes = pages * pageBytes
        usedBytes = (pages - freePages) * pageBytes
    }
}

/// The size of a file, 0 when it is not there.
private func fileSize(_ path: String) -> Int64 {
    var information = stat()
    return stat(path, &information) == 0 ? Int64(information.st_size) : 0
}
