import FoundationEssentials
import GRDB
import PondCore

/// One key as the file has it, and the rules of what may become of it.
struct KeyRow {
    let record: KeyRecord

    /// What to do with the row when a job ended.
    enum Change {
        case refuse, keep, remove, end
    }

    /// The answer to a job that wants the key.
    func answer(to job: KeyedJob, fingerprint: String) -> KeyClaim {
        guard record.id == job.id else {
            return record.fingerprint == fingerprint ? .duplicate(record) : .mismatch(record)
        }
        if job.fence < record.fence { return .lost }
        // A dead job that was sent back to its queue runs again, under the same key.
        return record.state == .done ? .duplicate(record) : .claimed
    }

    /// What becomes of a row, nil when there is none, when its job ended.
    static func change(_ row: KeyRow?, by job: KeyedJob, _ ending: KeyEnding) -> Change {
        guard let record = row?.record else { return ending == .released ? .keep : .refuse }
        guard record.id == job.id, record.fence == job.fence else { return .refuse }
        switch (record.state, ending) {
        case (.done, .done(let result)): return record.checksum == checksum(result) ? .keep : .refuse
        case (.done, _), (.dead, .done): return .refuse
        case (.dead, .dead): return .keep
        case (_, .released): return .remove
        case (.running, _), (.queued, _): return .end
        }
    }

    private static func checksum(_ result: JobResult?) -> String? {
        result.map { Fingerprint.checksum(of: $0.bytes) }
    }
}

// MARK: - Statements

extension KeyRow {
    /// The row of a key, with its result when that is still to be had; nil when its window is over at `now`.
    ///
    /// - Parameter now: nil finds a row whose window is over as well.
    static func find(
        _ key: IdempotencyKey,
        in queue: QueueName,
        at now: ServerTime? = nil,
        _ db: Database
    ) throws -> KeyRow? {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT * FROM pond_keys WHERE queue = ? AND key = ?"),
            arguments: [queue.text, key.text.blob]
        )
        guard let row else { return nil }
        if let now, let free: Int64 = row["free_ms"], free <= now.milliseconds { return nil }
        let isKept = (row["result_until_ms"] as Int64?).map { $0 > (now?.milliseconds ?? 0) } ?? false
        return KeyRow(
            record: KeyRecord(
                id: JobID(String(blob: row["job"])),
                state: KeyState(rawValue: row["state"]) ?? .running,
                fence: row["fence"],
                fingerprint: row["fingerprint"],
                checksum: row["checksum"],
                result: isKept ? (row["result"] as Data?).map { Array($0) } : nil,
                endedAt: (row["ended_ms"] as Int64?).map { ServerTime(milliseconds: $0) }
            )
        )
    }

    static func insert(_ job: KeyedJob, fingerprint: String, at now: ServerTime, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO pond_keys (queue, key, state, job, fence, fingerprint, claimed_ms)
                VALUES (?, ?, 'running', ?, ?, ?, ?)
                """
        ).execute(
            arguments: [
                job.queue.text, job.key.text.blob, job.id.text.blob, job.fence, fingerprint, now.milliseconds,
            ]
        )
    }

    static func end(
        _ job: KeyedJob,
        as ending: KeyEnding,
        at now: ServerTime,
        window: Duration,
        _ db: Database
    ) throws {
        var result: JobResult?
        if case .done(let given) = ending { result = given }
        // A result is read through its key, so it need not outlive it.
        let keptUntil = result?.keptFor.map { now.advanced(by: min($0, window)).milliseconds }
        try db.cachedStatement(
            sql: """
                UPDATE pond_keys SET state = ?, checksum = ?, result = ?, result_until_ms = ?, ended_ms = ?, free_ms = ?
                WHERE queue = ? AND key = ?
                """
        ).execute(
            arguments: [
                (ending == .dead ? KeyState.dead : .done).rawValue, checksum(result),
                keptUntil == nil ? nil : result.map { Data($0.bytes) }, keptUntil, now.milliseconds,
                now.advanced(by: window).milliseconds, job.queue.text, job.key.text.blob,
            ]
        )
    }

    static func remove(_ key: IdempotencyKey, in queue: QueueName, _ db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM pond_keys WHERE queue = ? AND key = ?")
            .execute(arguments: [queue.text, key.text.blob])
    }

    /// Throws out keys whose window is over, and the results whose own window is.
    static func sweepOut(at now: ServerTime, atMost count: Int, _ db: Database) throws -> (keys: Int, results: Int) {
        try db.execute(
            sql: """
                DELETE FROM pond_keys WHERE rowid IN
                (SELECT rowid FROM pond_keys WHERE free_ms <= ? ORDER BY free_ms LIMIT ?)
                """,
            arguments: [now.milliseconds, count]
        )
        let keys = db.changesCount
        try db.execute(
            sql: """
                UPDATE pond_keys SET result = NULL, result_until_ms = NULL WHERE rowid IN
                (SELECT rowid FROM pond_keys WHERE result_until_ms <= ? ORDER BY result_until_ms LIMIT ?)
                """,
            arguments: [now.milliseconds, count]
        )
        return (keys, db.changesCount)
    }
}
