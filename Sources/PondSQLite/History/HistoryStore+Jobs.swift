import GRDB
package import PondCore

extension HistoryStore {
    /// Everything that happened to a job.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - queue: the queue's name; nil looks in all, because ids are unique in one queue only.
    ///   - limit: the most events a job, the newest ones. Defaults to 1,000.
    /// - Returns: a history for each queue that has such a job; none when nothing is known of it.
    package func jobHistories(
        of id: JobID,
        in queue: String? = nil,
        limit: Int = HistoryLimits.historyEventsMax
    ) async throws -> [JobHistory] {
        try await store.read { db in
            let rows = try HistoryRows(db)
            return try HistoryStore.rows(of: id, db).compactMap { row in
                guard let job = try rows.job(row), queue == nil || job.queue == queue else { return nil }
                let events = try rows.events(ofJob: row, atMost: limit + 1)
                return JobHistory(
                    job: job,
                    events: job.enqueuing + events.suffix(limit),
                    isCut: events.count > limit
                )
            }
        }
    }

    /// What is known of a job and its last event, without its whole history.
    ///
    /// - Returns: a job for each queue that has one with this id.
    package func jobs(_ id: JobID, in queue: String? = nil) async throws -> [HistoryJob] {
        try await store.read { db in
            let rows = try HistoryRows(db)
            return try HistoryStore.rows(of: id, db).compactMap { try rows.job($0) }
                .filter { queue == nil || $0.queue == queue }
        }
    }

    /// The jobs of an intent, first heard of first; `causationID` makes a tree of them.
    ///
    /// - Parameters:
    ///   - id: the correlation id; the id of the first job is one too.
    ///   - limit: the most jobs. Defaults to 1,000.
    package func jobs(
        correlatedBy id: String,
        limit: Int = HistoryLimits.correlatedJobsMax
    ) async throws -> [HistoryJob] {
        try await store.read { db in
            let rows = try HistoryRows(db)
            let found = try Int64.fetchAll(
                db.cachedStatement(
                    sql: "SELECT row FROM pond_history_jobs WHERE correlation = ? ORDER BY row LIMIT ?"
                ),
                arguments: [id.kept(HistoryLimits.idBytesMax), limit]
            )
            let jobs = try (HistoryStore.rows(of: JobID(id), db) + found).compactMap { try rows.job($0) }
            // A job may have the id of another one's intent, and belong to one of its own.
            let ownIntent = jobs.filter { $0.correlationID == id.kept(HistoryLimits.idBytesMax) }
            return Array(ownIntent.sorted { $0.firstAt < $1.firstAt }.prefix(limit))
        }
    }

    private static func rows(of id: JobID, _ db: Database) throws -> [Int64] {
        try Int64.fetchAll(
            db.cachedStatement(sql: "SELECT row FROM pond_history_jobs WHERE job = ? ORDER BY queue"),
            arguments: [id.text.kept(HistoryLimits.idBytesMax)]
        )
    }
}

extension HistoryJob {
    /// The enqueuing as an event, when it was seen.
    fileprivate var enqueuing: [HistoryEvent] {
        enqueuedAt.map { [HistoryEvent(what: .enqueued, time: $0, words: [])] } ?? []
    }
}
