import GRDB
package import PondCore

/// What to search for; all conditions that are given have to hold.
package struct HistoryQuery: Sendable, Hashable {
    /// Words that all stand in the error's text; one that ends in `*` stands for all that begin so.
    package var text: String?
    /// What the job is.
    package var kind: String?
    /// Why it is dead.
    package var cause: String?
    /// The failure's group, with or without `E-`.
    package var group: String?
    /// The worker that wrote the event.
    package var worker: String?
    /// The intent.
    package var correlationID: String?
    /// The queue.
    package var queue: String?
    /// Nothing before this.
    package var since: ServerTime?
    /// Nothing behind this.
    package var until: ServerTime?
    /// The most hits, the newest ones.
    ///
    /// Defaults to 50, at most 1,000.
    package var limit = 50

    package init() {}
}

extension HistoryStore {
    /// Searches events, the newest first.
    ///
    /// Without a condition on events (text, cause, group, worker) each job is one hit, with its last event. A text is
    /// looked for in the 2,000 newest different texts that have its words.
    ///
    /// - Returns: at most `limit` hits; none when the group is none.
    package func search(_ query: HistoryQuery) async throws -> [HistoryHit] {
        try await store.read { db in
            guard let search = try HistorySearch(query, db) else { return [] }
            let rows = try HistoryRows(db)
            return try search.places(db).compactMap { try rows.hit($0) }
        }
    }
}

/// A search as SQL: the most selective condition leads, through its index, and the others are looked at behind it.
private struct HistorySearch {
    private let query: HistoryQuery
    private let limit: Int
    private var texts: [Int64]?
    private var conditions: [String] = []
    private var arguments: [any DatabaseValueConvertible] = []
    private var source = ""
    /// The column that has the time, by which the source's index is ordered.
    private var time = "event.ms"

    /// Nil when nothing can be found.
    init?(_ query: HistoryQuery, _ db: Database) throws {
        self.query = query
        limit = min(max(1, query.limit), HistoryLimits.hitsMax)
        if let text = query.text {
            texts = try HistorySearch.texts(text, db)
            if texts?.isEmpty == true { return nil }
        }
        try lead(db)
        for (column, name) in [
            ("job.queue", query.queue), ("job.kind", query.kind), ("event.cause", query.cause),
            ("entry.worker", query.worker),
        ] {
            guard let name else { continue }
            guard let number = try HistorySearch.number(name, db) else { return nil }
            add("\(column) = ?", number)
        }
        if let group = query.group {
            guard let number = HistoryGroup.number(group) else { return nil }
            add("event.grp = ?", number)
        }
        if let id = query.correlationID?.kept(HistoryLimits.idBytesMax) {
            add("(job.correlation = ? OR (job.job = ? AND job.correlation IS NULL))", id)
            arguments.append(id)
        }
        if let since = query.since { add("\(time) >= ?", since.milliseconds) }
        if let until = query.until { add("\(time) <= ?", until.milliseconds) }
    }

    private mutating func add(_ condition: String, _ argument: any DatabaseValueConvertible) {
        conditions.append(condition)
        arguments.append(argument)
    }

    /// Chooses the table and index to begin with.
    ///
    /// CROSS JOIN keeps SQLite from choosing another.
    private mutating func lead(_ db: Database) throws {
        let events = "CROSS JOIN pond_history_jobs AS job ON job.row = event.job "
        let entries = "CROSS JOIN pond_history_entries AS entry ON entry.row = event.entry "
        let last =
            "CROSS JOIN pond_history_events AS event ON event.entry = job.last_entry AND event.ord = job.last_ord "
        switch true {
        case query.text != nil: source = event("text") + events + entries
        case query.group != nil: source = event("grp") + events + entries
        case query.cause != nil: source = event("cause") + events + entries
        case query.worker != nil:
            source =
                "pond_history_entries AS entry INDEXED BY pond_history_entries_worker "
                + "CROSS JOIN pond_history_events AS event ON event.entry = entry.row " + events
            time = "entry.ms"
        case query.correlationID != nil: source = "pond_history_jobs AS job " + last + entries
        case query.kind != nil:
            source = "pond_history_jobs AS job INDEXED BY pond_history_jobs_kind " + last + entries
            time = "job.last_ms"
        default:
            source =
                "pond_history_entries AS entry INDEXED BY pond_history_entries_ms "
                + "CROSS JOIN pond_history_events AS event ON event.entry = entry.row " + events
                + "AND job.last_entry = event.entry AND job.last_ord = event.ord "
            time = "entry.ms"
        }
    }

    private func event(_ index: String) -> String {
        "pond_history_events AS event INDEXED BY pond_history_events_\(index) "
    }

    /// Where the hits are, newest first.
    func places(_ db: Database) throws -> [HistoryRows.Place] {
        guard let texts else { return try find(db).map(\.place) }
        var hits: [(ms: Int64, place: HistoryRows.Place)] = []
        for text in texts {
            // What is older than all that will be shown need not be read.
            let bound = hits.count == limit ? hits.last?.ms : nil
            let more = try find(db, text: text, after: bound)
            guard !more.isEmpty else { continue }
            hits = Array((hits + more).sorted { $0.ms > $1.ms }.prefix(limit))
        }
        return hits.map(\.place)
    }

    private func find(
        _ db: Database,
        text: Int64? = nil,
        after bound: Int64? = nil
    ) throws -> [(ms: Int64, place: HistoryRows.Place)] {
        var conditions = conditions
        var arguments = arguments
        if let text {
            conditions.append("event.text = ?")
            arguments.append(text)
        }
        if let bound {
            conditions.append("event.ms > ?")
            arguments.append(bound)
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT event.entry, event.ord, event.job, event.ms FROM \(source) \(filter)
                    ORDER BY \(time) DESC LIMIT ?
                    """
            ),
            arguments: StatementArguments(arguments) + [limit]
        ).map { ($0["ms"], HistoryRows.Place(entry: $0["entry"], ord: $0["ord"], job: $0["job"])) }
    }

    /// The newest texts that have all words.
    private static func texts(_ text: String, _ db: Database) throws -> [Int64] {
        let pattern = pattern(text)
        guard !pattern.isEmpty else { return [] }
        return try Int64.fetchAll(
            db,
            sql: "SELECT rowid FROM pond_history_search WHERE text MATCH ? ORDER BY rowid DESC LIMIT ?",
            arguments: [pattern, HistoryLimits.searchedTextsMax]
        )
    }

    /// Each word in quotes, so that nothing in it means anything to the search itself.
    static func pattern(_ text: String) -> String {
        text.kept(HistoryLimits.idBytesMax).split(whereSeparator: \.isWhitespace).map { word in
            let isPrefix = word.hasSuffix("*")
            let plain = isPrefix ? word.dropLast() : word
            return "\"" + plain.replacing("\"", with: "\"\"") + "\"" + (isPrefix ? "*" : "")
        }.joined(separator: " ")
    }

    private static func number(_ name: String, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM pond_history_names WHERE name = ?"),
            arguments: [name.kept(HistoryLimits.idBytesMax)]
        )
    }
}
