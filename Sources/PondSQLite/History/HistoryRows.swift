import GRDB
import PondCore

/// Reads jobs and events by their rows; lives as long as a read.
struct HistoryRows {
    /// Where an event is.
    struct Place {
        let entry: Int64
        let ord: Int
        let job: Int64
    }

    private let job: Statement
    private let event: Statement
    private let jobHistory: Statement

    init(_ db: Database) throws {
        job = try db.cachedStatement(
            sql: """
                SELECT job.*, queue.name AS queue_name, kind.name AS kind_name
                FROM pond_history_jobs AS job
                LEFT JOIN pond_history_names AS queue ON queue.id = job.queue
                LEFT JOIN pond_history_names AS kind ON kind.id = job.kind
                WHERE job.row = ?
                """
        )
        event = try db.cachedStatement(sql: HistoryRows.eventSQL + "WHERE event.entry = ? AND event.ord = ?")
        // By rows, not by times, because rows come in the order of the journal. What a restart of Redis made one
        // read again later is the only thing that is out of that order, and its times tell.
        jobHistory = try db.cachedStatement(
            sql: HistoryRows.eventSQL
                + "WHERE event.job = ? ORDER BY event.ms DESC, event.entry DESC, event.ord DESC LIMIT ?"
        )
    }

    private static let eventSQL = """
        SELECT event.*, worker.name AS worker_name, text.text AS error
        FROM pond_history_events AS event
        JOIN pond_history_entries AS entry ON entry.row = event.entry
        LEFT JOIN pond_history_names AS worker ON worker.id = entry.worker
        LEFT JOIN pond_history_texts AS text ON text.row = event.text

        """

    func job(_ row: Int64) throws -> HistoryJob? {
        guard let found = try Row.fetchOne(job, arguments: [row]) else { return nil }
        var last: HistoryEvent?
        if let entry: Int64 = found["last_entry"], let ord: Int = found["last_ord"] {
            last = try event(entry: entry, ord: ord)
        }
        return HistoryJob(found, last: last)
    }

    func event(entry: Int64, ord: Int) throws -> HistoryEvent? {
        try Row.fetchOne(event, arguments: [entry, ord]).map { HistoryEvent($0) }
    }

    func hit(_ place: Place) throws -> HistoryHit? {
        guard let job = try job(place.job), let event = try event(entry: place.entry, ord: place.ord) else {
            return nil
        }
        return HistoryHit(job: job, event: event)
    }

    /// The newest events of a job, oldest first.
    func events(ofJob row: Int64, atMost limit: Int) throws -> [HistoryEvent] {
        try Row.fetchAll(jobHistory, arguments: [row, limit]).reversed().map { HistoryEvent($0) }
    }
}

extension HistoryJob {
    fileprivate init(_ row: Row, last: HistoryEvent?) {
        let id: String = row["job"]
        self.init(
            id: JobID(id),
            queue: row["queue_name"] ?? "",
            kind: row["kind_name"],
            correlationID: row["correlation"] ?? id,
            causationID: row["causation"],
            jobClass: row["class"],
            enqueuedAt: (row["enqueued_ms"] as Int64?).map { ServerTime(milliseconds: $0) },
            firstAt: ServerTime(milliseconds: row["first_ms"]),
            last: last,
            eventCount: row["events"]
        )
    }
}

extension HistoryEvent {
    fileprivate init(_ row: Row) {
        let words: String? = row["words"]
        let what = What(rawValue: row["what"]) ?? .other
        self.init(
            what: what,
            time: ServerTime(milliseconds: row["ms"]),
            by: row["worker_name"],
            words: words.map { what.words($0) } ?? [],
            text: row["error"] ?? row["note"],
            attempt: row["attempt"],
            wait: (row["wait_ms"] as Int64?).map { .milliseconds($0) },
            run: (row["run_ms"] as Int64?).map { .milliseconds($0) }
        )
    }
}

extension HistoryPosition {
    static func all(_ db: Database) throws -> [HistoryPosition] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT place.*, queue.name AS queue_name FROM pond_history_positions AS place
                JOIN pond_history_names AS queue ON queue.id = place.queue ORDER BY queue.name, place.stream
                """
        ).compactMap { row in
            guard let stream = HistorySource.Stream(rawValue: row["stream"]) else { return nil }
            return HistoryPosition(
                source: HistorySource(queue: row["queue_name"], stream),
                position: StreamID(row["position"] as String) ?? .zero,
                expected: row["expected"],
                behind: row["behind"],
                readAt: ServerTime(milliseconds: row["read_ms"])
            )
        }
    }
}

extension HistoryGap {
    /// The newest gaps, newest first.
    static func newest(_ count: Int, _ db: Database) throws -> [HistoryGap] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT gap.*, queue.name AS queue_name FROM pond_history_gaps AS gap
                JOIN pond_history_names AS queue ON queue.id = gap.queue ORDER BY gap.row DESC LIMIT ?
                """,
            arguments: [count]
        ).map { row in
            HistoryGap(
                queue: row["queue_name"],
                after: (row["after"] as String?).flatMap { StreamID($0) },
                before: (row["before"] as String?).flatMap { StreamID($0) },
                missed: row["missed"],
                reason: Reason(rawValue: row["reason"]) ?? .restarted,
                noted: ServerTime(milliseconds: row["noted_ms"])
            )
        }
    }
}
