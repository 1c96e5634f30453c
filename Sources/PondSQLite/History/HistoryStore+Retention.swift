import GRDB
import PondCore

/// What a history keeps.
package struct HistoryRetention: Sendable, Hashable {
    /// How long an event is kept.
    package var ageMax: Duration
    /// How many bytes of the file may hold something; the oldest events go first.
    package var bytesMax: Int64

    package init(
        ageMax: Duration = HistoryLimits.ageMaxDefault,
        bytesMax: Int64 = HistoryLimits.bytesMaxDefault
    ) {
        self.ageMax = ageMax
        self.bytesMax = bytesMax
    }
}

/// What a sweep has thrown out.
package struct HistorySwept: Sendable, Hashable {
    /// Events.
    package var events = 0
    /// Jobs, those that were only known to wait included.
    package var jobs = 0
    /// Whether there is more to throw out now.
    package var isMore = false

    package init() {}
}

extension HistoryStore {
    /// Throws out some of what is too old or too much, and gives back some of the room, in one short transaction.
    ///
    /// - Throws: `SQLiteError`; then nothing was thrown out.
    package func sweep(_ retention: HistoryRetention) async throws -> HistorySwept {
        let now = wallClock()
        return try await store.writeAlone { db in
            var sweep = HistorySweep(db)
            let cutoff = now.advanced(by: .zero - retention.ageMax)
            if let count = try HistorySweep.excess(over: retention.bytesMax, db) {
                try sweep.throwOut(before: ServerTime(milliseconds: .max), atMost: count)
            } else {
                try sweep.throwOut(before: cutoff, atMost: HistoryLimits.sweepEventsMax)
            }
            try sweep.forget(before: cutoff, now: now)
            try sweep.giveBack()
            return sweep.swept
        }
    }
}

private struct HistorySweep {
    private let db: Database
    var swept = HistorySwept()

    init(_ db: Database) {
        self.db = db
    }

    /// About how many events have to go, so that the rest has room; nil when it has.
    static func excess(over bytesMax: Int64, _ db: Database) throws -> Int? {
        let usedBytes = try HistorySize(db).usedBytes
        guard usedBytes > bytesMax else { return nil }
        let events = try HistoryCount.events.read(db) - HistoryCount.removed.read(db)
        let count = Double(max(1, events)) * Double(usedBytes - bytesMax) / Double(usedBytes)
        return min(max(20, Int(count)), HistoryLimits.sweepEventsMax)
    }

    /// Throws out the oldest entries with their events, and the jobs of which nothing is left.
    mutating func throwOut(before cutoff: ServerTime, atMost count: Int) throws {
        let entries = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT row, ms FROM pond_history_entries WHERE ms < ? ORDER BY ms LIMIT ?"),
            arguments: [cutoff.milliseconds, count]
        )
        let remove = try db.cachedStatement(sql: "DELETE FROM pond_history_entries WHERE row = ?")
        var lastTime = cutoff.milliseconds
        for entry in entries {
            try throwOutEvents(ofEntry: entry["row"])
            try remove.execute(arguments: [entry["row"] as Int64])
            lastTime = entry["ms"]
            if swept.events >= count { break }
        }
        try throwOutWaiting(before: entries.isEmpty ? cutoff.milliseconds : min(cutoff.milliseconds, lastTime))
        swept.isMore = !entries.isEmpty && (swept.events >= count || entries.count == count)
        try HistoryCount.removed.add(swept.events, db)
    }

    private mutating func throwOutEvents(ofEntry entry: Int64) throws {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT job, text FROM pond_history_events WHERE entry = ?"),
            arguments: [entry]
        )
        try db.cachedStatement(sql: "DELETE FROM pond_history_events WHERE entry = ?").execute(arguments: [entry])
        let removeJob = try db.cachedStatement(
            sql: """
                DELETE FROM pond_history_jobs WHERE row = ?1
                AND NOT EXISTS (SELECT 1 FROM pond_history_events WHERE job = ?1)
                """
        )
        for row in rows {
            try removeJob.execute(arguments: [row["job"] as Int64])
            swept.jobs += db.changesCount
            if let text: Int64 = row["text"] { try throwOut(text: text) }
        }
        swept.events += rows.count
    }

    /// Throws out a text that no event has any more.
    private func throwOut(text row: Int64) throws {
        let text = try String.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT text FROM pond_history_texts WHERE row = ?1
                    AND NOT EXISTS (SELECT 1 FROM pond_history_events WHERE text = ?1)
                    """
            ),
            arguments: [row]
        )
        guard let text else { return }
        // The index does not keep the text, so it has to be told what it was.
        try db.cachedStatement(
            sql: "INSERT INTO pond_history_search (pond_history_search, rowid, text) VALUES ('delete', ?, ?)"
        ).execute(arguments: [row, text])
        try db.cachedStatement(sql: "DELETE FROM pond_history_texts WHERE row = ?").execute(arguments: [row])
    }

    /// Throws out jobs that are only known to wait.
    private mutating func throwOutWaiting(before ms: Int64) throws {
        try db.cachedStatement(
            sql: """
                DELETE FROM pond_history_jobs WHERE row IN
                (SELECT row FROM pond_history_jobs WHERE last_ms IS NULL AND enqueued_ms < ? ORDER BY enqueued_ms LIMIT ?)
                """
        ).execute(arguments: [ms, HistoryLimits.sweepEventsMax])
        swept.jobs += db.changesCount
    }

    /// Throws out old totals.
    func forget(before cutoff: ServerTime, now: ServerTime) throws {
        try db.cachedStatement(sql: "DELETE FROM pond_history_runs WHERE day < ?")
            .execute(arguments: [cutoff.milliseconds / 86_400_000])
        try db.cachedStatement(sql: "DELETE FROM pond_history_minutes WHERE minute < ?")
            .execute(arguments: [now.milliseconds / 60_000 - 1_440])
    }

    /// Gives pages back to the disk when a good part of the file is free; some are left for what comes next.
    func giveBack() throws {
        let size = try HistorySize(db)
        let pages = size.bytes / max(1, size.usedBytes + 1) >= 2 ? size.freePages : size.freePages - 4_096
        guard pages > 0 else { return }
        try db.execute(sql: "PRAGMA incremental_vacuum(\(min(pages, Int64(HistoryLimits.vacuumPagesMax))))")
    }
}
