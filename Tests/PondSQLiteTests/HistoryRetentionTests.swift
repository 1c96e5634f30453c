import GRDB
import PondCore
import PondSQLite
import Testing

@Suite struct HistoryRetentionTests {
    private func sweepAll(_ store: HistoryStore, _ retention: HistoryRetention) async throws -> HistorySwept {
        var total = HistorySwept()
        while true {
            let swept = try await store.sweep(retention)
            total.events += swept.events
            total.jobs += swept.jobs
            if !swept.isMore { return total }
        }
    }

    @Test func `what is too old goes, with its jobs and texts, and nothing else`() async throws {
        let wall = WallHand()
        try await withHistory(wall: wall) { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<100 { journal.add(["dead", "\(n)-0 handler aaaaaaaa\nold \(n)"]) }
            journal.add(["started", "keep-0"])
            journal.add(after: 86_400_000, ["done", "keep-0 new-0"])
            _ = try await store.ingest([journal.page()])
            let waiting = WaitingJob(id: JobID("w-0"), kind: "x", enqueuedAt: ServerTime(milliseconds: WallHand.start))
            let source = HistorySource(queue: "mail", .low)
            _ = try await store.ingest([HistoryPage(source, after: .zero, upTo: .zero, .waiting([waiting]))])

            wall.turn(by: .seconds(86_400))
            let swept = try await sweepAll(store, HistoryRetention(ageMax: .seconds(3_600)))
            #expect(swept.events == 101 && swept.jobs == 101)
            #expect(try await store.count("pond_history_texts") == 0)
            #expect(try await store.count("pond_history_entries") == 1)
            var query = HistoryQuery()
            query.text = "old"
            #expect(try await store.search(query).isEmpty)
            let jobHistory = try #require(try await store.jobHistories(of: JobID("keep-0")).first)
            #expect(jobHistory.events.map(\.what) == [.done] && jobHistory.job.eventCount == 2)
            let status = try await store.status()
            #expect(status.events == 2 && status.removed == 101)
            #expect(try await sweepAll(store, HistoryRetention(ageMax: .seconds(3_600))).events == 0)
        }
    }

    @Test func `a file that is too large loses its oldest events and becomes smaller`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            let rest = String(repeating: "text of an error ", count: 60)
            for n in 0..<6_000 { journal.add(["dead", "\(n)-0 handler aaaaaaaa\n\(n) \(rest)"]) }
            _ = try await store.ingest([journal.page()])
            let before = try await store.status()
            let retention = HistoryRetention(bytesMax: before.usedBytes / 4)
            let swept = try await sweepAll(store, retention)
            for _ in 0..<10 { _ = try await store.sweep(retention) }
            let after = try await store.status()
            #expect(swept.events >= 2_000 && after.usedBytes <= retention.bytesMax)
            #expect(after.bytes < before.bytes * 2 / 3, "\(before.bytes) became \(after.bytes)")
            #expect(try await store.jobs(JobID("0-0")).isEmpty)
            #expect(try await store.jobs(JobID("5999-0")).count == 1)
            #expect(try await store.store.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
            try await store.store.write { db in
                try db.execute(sql: "INSERT INTO pond_history_search (pond_history_search) VALUES ('integrity-check')")
            }
        }
    }

    @Test func `readers are not kept waiting by a sweep`() async throws {
        try await withHistory { store, folder in
            var journal = HandJournal("mail")
            for n in 0..<2_000 { journal.add(["dead", "\(n)-0 handler aaaaaaaa\nerror \(n)"]) }
            _ = try await store.ingest([journal.page()])
            let other = HistoryStore(path: "\(folder)/history.sqlite")
            try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    _ = try await self.sweepAll(store, HistoryRetention(ageMax: .zero))
                    return 0
                }
                for _ in 0..<50 {
                    group.addTask { try await other.jobs(JobID("1999-0")).count }
                }
                try await group.waitForAll()
            }
            try await other.close()
        }
    }

    /// A limit of the file's pages fails a write in the very way that a full disk does.
    @Test func `a file that cannot grow keeps events and position as they were, and goes on when it can`() async throws
    {
        try await withHistory { store, folder in
            var journal = HandJournal("mail")
            for n in 0..<3_000 { journal.add(["dead", "\(n)-0 handler aaaaaaaa\n\(n) is an error of its own"]) }
            _ = try await store.ingest([journal.page(limit: 100)])
            func limit(_ pages: Int) async throws {
                try await store.store.write { db in
                    _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(pages)")
                }
            }
            try await limit(100)
            let (failure, place) = try await fill(store, journal)
            #expect(
                failure.code == .full && failure.isTransient && failure.message.contains("\(folder)/history.sqlite")
            )
            #expect(try await store.positions()[journal.source]?.position == place)
            try await limit(1_000_000)
            _ = try await store.ingest([journal.page(after: place)])
            let status = try await store.status()
            #expect(status.events == 3_000 && status.gapCount == 0)
            #expect(try await store.count("pond_history_events") == 3_000)
        }
    }

    /// Indexes page after page until a write fails; says why, and where the last good page ended.
    private func fill(_ store: HistoryStore, _ journal: HandJournal) async throws -> (SQLiteError, StreamID) {
        var place = try #require(try await store.positions()[journal.source]?.position)
        while true {
            let page = journal.page(after: place, limit: 100)
            try #require(page.upTo != page.after, "everything went in")
            do {
                _ = try await store.ingest([page])
            } catch let error as SQLiteError {
                return (error, place)
            }
            place = page.upTo
        }
    }
}
