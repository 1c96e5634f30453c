import GRDB
import Glibc
package import PondCore

/// What happened to all jobs, kept in an SQLite file that is filled from the queues' journals and can be searched.
///
/// One process at a time fills a file; any number reads it meanwhile. Each answer about a job, a correlation id or a
/// group of failures takes the same time however many events there are.
package final class HistoryStore: Sendable {
    /// The file.
    package let store: SQLiteStore
    let wallClock: @Sendable () -> ServerTime

    /// The time of day, as the store judges age by it.
    package var now: ServerTime { wallClock() }

    /// - Parameters:
    ///   - path: the file, made when it is missing; its folder has to exist.
    ///   - wallClock: what tells the time of day. Defaults to this machine's.
    package init(
        path: String,
        clock: LocalClock = .system,
        wallClock: @escaping @Sendable () -> ServerTime = WallClock.read
    ) {
        var tuning = SQLiteTuning()
        // What a power cut undoes is read again, because the reading position is undone with it.
        tuning.survivesPowerCut = false
        tuning.givesBackPages = true
        // Errors and notes in it may quote payloads.
        tuning.isPrivate = true
        tuning.cacheBytes = HistoryLimits.cacheBytes
        tuning.logBytesMax = HistoryLimits.logBytesMax
        store = SQLiteStore(path: path, schemas: [HistoryStore.schema], clock: clock, tuning: tuning)
        self.wallClock = wallClock
    }

    /// Whether a file is there and holds a history; changes nothing.
    ///
    /// - Throws: `SQLiteError` when the file cannot be read.
    package static func isFound(at path: String) async throws -> Bool {
        guard access(path, F_OK) == 0 else { return false }
        // Without schemas a store makes no tables.
        let store = SQLiteStore(path: path, schemas: [])
        let isFound = try await store.read { try $0.tableExists("pond_history_events") }
        try await store.close()
        return isFound
    }

    /// Says which server's queues the file is the history of, unless it says so already.
    ///
    /// - Parameter server: a text without secrets that is the same each time.
    /// - Returns: what the file says.
    package func claim(for server: String) async throws -> String {
        try await store.writeAlone { db in
            try db.execute(sql: "INSERT OR IGNORE INTO pond_history_origin VALUES (1, ?)", arguments: [server])
            return try String.fetchOne(db, sql: "SELECT server FROM pond_history_origin") ?? server
        }
    }

    /// What the file is the history of; nil when no follower has said.
    package func server() async throws -> String? {
        try await store.read { try String.fetchOne($0, sql: "SELECT server FROM pond_history_origin") }
    }

    /// Lets the file be another server's, as when the same server has got another address.
    package func reassign(to server: String) async throws {
        try await store.writeAlone { db in
            try db.execute(sql: "INSERT OR REPLACE INTO pond_history_origin VALUES (1, ?)", arguments: [server])
        }
    }

    /// Closes the file; a second time it does nothing, and calls after it fail.
    package func close() async throws {
        try await store.close()
    }
}

/// The bounds of a history, named once.
package enum HistoryLimits {
    /// How long events are kept, unless the follower is told otherwise.
    package static let ageMaxDefault = Duration.seconds(30 * 86_400)
    /// How large a file may grow, unless the follower is told otherwise: 2 GiB.
    package static let bytesMaxDefault: Int64 = 2 << 30
    /// The smallest size that may be asked for: 16 MiB.
    package static let bytesMaxLeast: Int64 = 16 << 20
    /// Memory for pages, a connection.
    static let cacheBytes = 16 << 20
    /// What the log beside the file is cut to.
    static let logBytesMax = 64 << 20
    /// The most events that one transaction throws out.
    static let sweepEventsMax = 2_000
    /// The most pages that one transaction gives back to the disk.
    static let vacuumPagesMax = 1_000
    /// The most gaps that are kept; the oldest go first.
    static let gapsMax = 10_000
    /// The longest job id, correlation id or worker's name that is kept whole, in bytes.
    static let idBytesMax = 512
    /// The longest error or note that is kept whole, in bytes.
    static let textBytesMax = Limits.errorTextBytesMax
    /// The most events of a job's history that one answer holds.
    package static let historyEventsMax = 1_000
    /// The most jobs of a correlation id that one answer holds.
    package static let correlatedJobsMax = 1_000
    /// The most hits of a search.
    package static let hitsMax = 1_000
    /// The most different texts of a search that are looked at, the newest ones.
    static let searchedTextsMax = 2_000
}
