import GRDB
package import PondCore

extension HistoryStore {
    /// Adds what was read from streams, with the positions up to which it was read, in one transaction.
    ///
    /// A page that does not begin where the file's own position is, because another follower was faster, changes nothing.
    ///
    /// - Throws: `SQLiteError`; then nothing was written, and the same pages can be given again.
    package func ingest(_ pages: [HistoryPage]) async throws -> HistoryIngested {
        let now = wallClock()
        return try await store.writeAlone { db in
            var writer = try HistoryWriter(db, now: now)
            for page in pages { try writer.add(page) }
            return try writer.end()
        }
    }

    /// The positions up to which the file has read.
    package func positions() async throws -> [HistorySource: HistoryPosition] {
        try await store.read { db in
            let found = try HistoryPosition.all(db)
            return Dictionary(found.map { ($0.source, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// Whether the file has read an entry of a queue's journal.
    package func hasRead(_ entry: StreamID, of queue: String) async throws -> Bool {
        try await store.read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (
                        SELECT 1 FROM pond_history_entries
                        WHERE queue = (SELECT id FROM pond_history_names WHERE name = ?) AND ms = ? AND seq = ?
                    )
                    """,
                arguments: [queue, Int64(clamping: entry.milliseconds), Int64(clamping: entry.sequence)]
            ) ?? false
        }
    }

    /// Notes that a stream ends before the file's position, so that Redis has begun again with less, and how it is read on.
    ///
    /// - Parameters:
    ///   - position: the file's position.
    ///   - last: the last id that the stream has given out; zero when there is no stream.
    /// - Returns: where to read on; nil when the file's position is another one by now.
    package func restart(
        _ source: HistorySource,
        from position: StreamID,
        last: StreamID
    ) async throws -> StreamID? {
        let now = wallClock()
        return try await store.writeAlone { db in
            var writer = try HistoryWriter(db, now: now)
            return try writer.restart(source, from: position, last: last)
        }
    }

    /// Notes how many events the journals have ever had, so that the status can say how far behind the file is.
    package func note(eventsWritten: [String: Int64]) async throws {
        try await store.writeAlone { db in
            let update = try db.cachedStatement(
                sql: """
                    UPDATE pond_history_positions SET behind = max(0, ? - expected)
                    WHERE stream = 'j' AND queue = (SELECT id FROM pond_history_names WHERE name = ?)
                    AND behind IS NOT max(0, ? - expected)
                    """
            )
            for (queue, count) in eventsWritten { try update.execute(arguments: [count, queue, count]) }
        }
    }
}

/// Writes pages into the tables; lives as long as a transaction.
struct HistoryWriter {
    private struct RunStep: Hashable {
        let kind: Int64
        let queue: Int64
        let day: Int64
        let step: Int
    }

    private let db: Database
    private let now: ServerTime
    private var words: HistoryWords
    private var texts: HistoryTexts
    private let addEntry: Statement
    private let addJob: Statement
    private let addWaiting: Statement
    private let addEvent: Statement
    private var runs: [RunStep: Int] = [:]
    private var unreadable = 0
    private var report = HistoryIngested()

    init(_ db: Database, now: ServerTime) throws {
        self.db = db
        self.now = now
        words = try HistoryWords(db)
        texts = try HistoryTexts(db)
        addEntry = try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO pond_history_entries (queue, ms, seq, worker) VALUES (?, ?, ?, ?) RETURNING row
                """
        )
        addJob = try db.cachedStatement(sql: HistoryWriter.addJobSQL)
        addWaiting = try db.cachedStatement(sql: HistoryWriter.addWaitingSQL)
        addEvent = try db.cachedStatement(
            sql: """
                INSERT INTO pond_history_events
                (entry, ord, job, what, ms, attempt, wait_ms, run_ms, words, note, cause, grp, text)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
    }

    private static let addJobSQL = """
        INSERT INTO pond_history_jobs AS job
        (job, queue, kind, correlation, causation, first_ms, last_ms, last_entry, last_ord, events)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
        ON CONFLICT (job, queue) DO UPDATE SET
        kind = coalesce(excluded.kind, job.kind), correlation = coalesce(excluded.correlation, job.correlation),
        causation = coalesce(excluded.causation, job.causation), first_ms = min(job.first_ms, excluded.first_ms),
        last_ms = coalesce(excluded.last_ms, job.last_ms), last_entry = coalesce(excluded.last_entry, job.last_entry),
        last_ord = coalesce(excluded.last_ord, job.last_ord), events = job.events + 1
        RETURNING row
        """

    private static let addWaitingSQL = """
        INSERT INTO pond_history_jobs AS job
        (job, queue, kind, correlation, causation, class, enqueued_ms, first_ms, events)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)
        ON CONFLICT (job, queue) DO UPDATE SET
        kind = coalesce(excluded.kind, job.kind), correlation = coalesce(excluded.correlation, job.correlation),
        causation = coalesce(excluded.causation, job.causation), class = excluded.class,
        enqueued_ms = excluded.enqueued_ms, first_ms = min(job.first_ms, excluded.first_ms)
        """

    mutating func add(_ page: HistoryPage) throws {
        let queue = try words.number(page.source.queue)
        let found = try place(of: page.source, queue)
        guard found.position == page.after else { return report.moved[page.source] = found.position }
        var expected = found.expected
        switch page.content {
        case .journal(let entries):
            var last = page.after
            for entry in entries {
                guard let id = StreamID(entry.id) else { continue }
                try look(for: entry, id, after: last, &expected, page.source.queue, queue)
                try add(entry, id, queue)
                last = id
            }
        case .waiting(let jobs):
            for job in jobs { try add(job, queue) }
        }
        unreadable += page.unreadable
        try move(page.source, queue, to: page.upTo, expected: expected)
    }

    /// Writes what was gathered.
    mutating func end() throws -> HistoryIngested {
        let addRun = try db.cachedStatement(
            sql: """
                INSERT INTO pond_history_runs VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET count = count + excluded.count
                """
        )
        for (run, count) in runs {
            try addRun.execute(arguments: [run.kind, run.queue, run.day, run.step, count])
        }
        if report.events > 0 {
            try db.cachedStatement(
                sql: """
                    INSERT INTO pond_history_minutes VALUES (?, ?)
                    ON CONFLICT DO UPDATE SET events = events + excluded.events
                    """
            ).execute(arguments: [now.milliseconds / 60_000, report.events])
        }
        try HistoryCount.events.add(report.events, db)
        try HistoryCount.unreadable.add(unreadable, db)
        return report
    }
}

// MARK: - Entries and jobs

extension HistoryWriter {
    private mutating func add(_ entry: JournalEntry, _ id: StreamID, _ queue: Int64) throws {
        let worker = try entry.by.map { try words.number($0) }
        let row = try Int64.fetchOne(
            addEntry,
            arguments: [queue, entry.time.milliseconds, Int64(bitPattern: id.sequence), worker]
        )
        guard let row else { return report.known += 1 }
        for (index, event) in entry.events.enumerated() { try add(event, entry, queue, row, index) }
    }

    private mutating func add(
        _ event: JournalEvent,
        _ entry: JournalEntry,
        _ queue: Int64,
        _ entryRow: Int64,
        _ index: Int
    ) throws {
        guard let what = HistoryEvent.What(event.what), !event.job.text.isEmpty else { return unreadable += 1 }
        let id = event.job.text.kept(HistoryLimits.idBytesMax)
        let ms = entry.time.milliseconds
        let facts = event.facts
        let kind = try number(ofKind: facts?.kind ?? "")
        // As a result that came too late.
        let isLast = !what.isAside
        let job = try Int64.fetchOne(
            addJob,
            arguments: [
                id, queue, kind, other(than: id, facts?.correlationID),
                facts?.causationID?.kept(HistoryLimits.idBytesMax),
                ms, isLast ? ms : nil, isLast ? entryRow : nil, isLast ? index : nil,
            ]
        )
        let run = facts?.run?.wholeMilliseconds
        if what == .done, let kind, let run { count(kind, queue, ms, run) }
        var details = HistoryEvent(what: what, time: entry.time, words: event.words)
        details.text = event.text
        let (note, text) = try split(details)
        try addEvent.execute(
            arguments: [
                entryRow, index, job, what.rawValue, ms, facts?.attempt, facts?.wait?.wholeMilliseconds, run,
                event.words.isEmpty ? nil : event.words.joined(separator: " ").kept(HistoryLimits.idBytesMax),
                note, try details.cause.map { try words.number($0) }, details.group.flatMap(HistoryGroup.number), text,
            ]
        )
        report.events += 1
    }

    private mutating func add(_ job: WaitingJob, _ queue: Int64) throws {
        report.waiting += 1
        let id = job.id.text.kept(HistoryLimits.idBytesMax)
        let ms = job.enqueuedAt.milliseconds
        try addWaiting.execute(
            arguments: [
                id, queue, try number(ofKind: job.kind), other(than: id, job.correlationID),
                job.causationID?.kept(HistoryLimits.idBytesMax), job.jobClass?.kept(16), ms, ms,
            ]
        )
    }

    private mutating func number(ofKind kind: String) throws -> Int64? {
        kind.isEmpty ? nil : try words.number(kind)
    }

    /// A correlation id that is the job's own takes no room.
    private func other(than id: String, _ correlationID: String?) -> String? {
        guard let kept = correlationID?.kept(HistoryLimits.idBytesMax), kept != id, !kept.isEmpty else { return nil }
        return kept
    }

    /// Errors are searched and are often alike, notes are neither.
    private mutating func split(_ event: HistoryEvent) throws -> (note: String?, text: Int64?) {
        guard let text = event.text else { return (nil, nil) }
        return event.what.hasSearchedText
            ? (nil, try texts.row(text)) : (text.kept(Limits.progressBytesMax), nil)
    }

    private mutating func count(_ kind: Int64, _ queue: Int64, _ ms: Int64, _ run: Int64) {
        let step = RunStep(kind: kind, queue: queue, day: ms / 86_400_000, step: HistoryRunScale.step(of: run))
        runs[step, default: 0] += 1
    }
}

// MARK: - Positions and gaps

extension HistoryWriter {
    private func place(of source: HistorySource, _ queue: Int64) throws -> (position: StreamID, expected: Int64?) {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT position, expected FROM pond_history_positions WHERE queue = ? AND stream = ?"
            ),
            arguments: [queue, source.stream.rawValue]
        )
        // A journal begins with no event at all, so that a first reader also hears of what was trimmed before it came.
        guard let row else { return (.zero, source.stream == .journal ? 0 : nil) }
        return (StreamID(row["position"] as String) ?? .zero, row["expected"])
    }

    private func move(_ source: HistorySource, _ queue: Int64, to position: StreamID, expected: Int64?) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO pond_history_positions (queue, stream, position, expected, read_ms) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET position = excluded.position, expected = excluded.expected,
                behind = max(0, behind - max(0, excluded.expected - expected)), read_ms = excluded.read_ms
                """
        ).execute(
            arguments: [queue, source.stream.rawValue, position.description, expected, now.milliseconds]
        )
    }

    /// Compares an entry's number with the one that it should have.
    private mutating func look(
        for entry: JournalEntry,
        _ id: StreamID,
        after last: StreamID,
        _ expected: inout Int64?,
        _ name: String,
        _ queue: Int64
    ) throws {
        guard let before = entry.before, before >= 0 else { return }
        if let expected, before != expected {
            let isTrimmed = before > expected
            let gap = HistoryGap(
                queue: name,
                after: last == .zero ? nil : last,
                before: id,
                missed: isTrimmed ? before - expected : nil,
                reason: isTrimmed ? .trimmed : .restarted,
                noted: now
            )
            try add(gap, queue)
        }
        let (sum, isTooLarge) = before.addingReportingOverflow(entry.count)
        expected = isTooLarge ? before : sum
    }

    private mutating func add(_ gap: HistoryGap, _ queue: Int64) throws {
        report.gaps.append(gap)
        let row = try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    INSERT INTO pond_history_gaps (queue, after, before, missed, reason, noted_ms)
                    VALUES (?, ?, ?, ?, ?, ?) RETURNING row
                    """
            ),
            arguments: [
                queue, gap.after?.description, gap.before?.description, gap.missed, gap.reason.rawValue,
                gap.noted.milliseconds,
            ]
        )
        try db.cachedStatement(sql: "DELETE FROM pond_history_gaps WHERE row <= ?")
            .execute(arguments: [(row ?? 0) - Int64(HistoryLimits.gapsMax)])
    }

    mutating func restart(
        _ source: HistorySource,
        from position: StreamID,
        last: StreamID
    ) throws -> StreamID? {
        let queue = try words.number(source.queue)
        let found = try place(of: source, queue)
        guard found.position == position else { return nil }
        var target = StreamID.zero
        if source.stream == .journal {
            try add(
                HistoryGap(queue: source.queue, after: position, missed: nil, reason: .restarted, noted: now),
                queue
            )
            // When the last entry that is left was read, then so was everything before it. If not, this is another
            // journal: it is read from its start, and what is known of it is passed over.
            let isKnown = try Bool.fetchOne(
                db,
                sql: "SELECT EXISTS (SELECT 1 FROM pond_history_entries WHERE queue = ? AND ms = ? AND seq = ?)",
                arguments: [
                    queue, Int64(clamping: last.milliseconds), Int64(bitPattern: last.sequence),
                ]
            )
            if isKnown == true { target = last }
        }
        try move(source, queue, to: target, expected: nil)
        return target
    }
}
