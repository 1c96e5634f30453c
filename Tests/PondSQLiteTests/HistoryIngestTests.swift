import GRDB
import Glibc
import PondCore
import PondSQLite
import Testing

@Suite struct HistoryIngestTests {
    @Test func `a job's whole jobHistory is kept in order`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            let line = facts(
                "1-0",
                "mail.send",
                correlation: "order-7",
                causation: "0-9",
                attempt: 1,
                wait: 5,
                run: 900
            )
            journal.add(["facts", line, "started", "1-0"])
            journal.add(["facts", line, "progress", "1-0 0.5\nhalf\tway"])
            let due = journal.ms + 3_000
            journal.add(["facts", line, "retried", "1-0 \(due) 1f3a9c2e\nHTTP 503 from mail.example"])
            journal.add(by: "w-2", ["facts", facts("1-0", "mail.send", attempt: 2, run: 40), "done", "1-0"])
            let report = try await store.ingest([journal.page()])
            #expect(report.events == 4 && report.gaps.isEmpty && report.moved.isEmpty)

            let jobHistory = try #require(try await store.jobHistories(of: JobID("1-0")).first)
            #expect(jobHistory.events.map(\.what) == [.started, .progress, .retried, .done])
            #expect(jobHistory.events.map(\.by) == ["w-1", "w-1", "w-1", "w-2"])
            #expect(jobHistory.events[1].text == "half\tway" && jobHistory.events[1].words == ["0.5"])
            #expect(
                jobHistory.events[2].due == ServerTime(milliseconds: due) && jobHistory.events[2].group == "1f3a9c2e"
            )
            #expect(jobHistory.events[2].text == "HTTP 503 from mail.example")
            #expect(jobHistory.events[3].attempt == 2 && jobHistory.events[3].run == .milliseconds(40))
            #expect(jobHistory.job.kind == "mail.send" && jobHistory.job.queue == "mail")
            #expect(jobHistory.job.correlationID == "order-7" && jobHistory.job.causationID == "0-9")
            #expect(jobHistory.job.last?.what == .done && jobHistory.job.eventCount == 4 && !jobHistory.isCut)
            #expect(try await store.jobHistories(of: JobID("1-0"), in: "other").isEmpty)
            #expect(try await store.jobHistories(of: JobID("2-0")).isEmpty)
        }
    }

    @Test func `the same page twice is indexed once`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<5 { journal.add(["done", "\(n)-0 \(n)-1"]) }
            let first = try await store.ingest([journal.page()])
            let second = try await store.ingest([journal.page()])
            #expect(first.events == 10 && second.events == 0)
            #expect(second.moved == [journal.source: StreamID("\(journal.ms)-0")])
            #expect(try await store.count("pond_history_events") == 10)
        }
    }

    @Test func `entries that are read again after a restart are passed over`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<5 { journal.add(["done", "\(n)-0"]) }
            _ = try await store.ingest([journal.page()])
            let end = try #require(StreamID("\(journal.ms)-0"))
            // The stream's last id is one that was never read, so it is read from its start.
            let target = try await store.restart(journal.source, from: end, last: StreamID("5-5") ?? .zero)
            #expect(target == .zero)
            let report = try await store.ingest([journal.page()])
            #expect(report.events == 0 && report.known == 5 && report.gaps.isEmpty)
            #expect(try await store.count("pond_history_events") == 5)
            #expect(try await store.status().gaps.map(\.reason) == [.restarted])
        }
    }

    @Test func `a restart that keeps what was read goes on behind it`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<5 { journal.add(["done", "\(n)-0"]) }
            _ = try await store.ingest([journal.page()])
            let end = try #require(StreamID("\(journal.ms)-0"))
            let third = try #require(StreamID(journal.entries[2].id))
            #expect(try await store.restart(journal.source, from: end, last: third) == third)
            // Somebody else has noticed it already.
            #expect(try await store.restart(journal.source, from: end, last: third) == nil)
            #expect(try await store.status().gapCount == 1)
        }
    }

    @Test func `what was trimmed is counted to the event`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<4 { journal.add(["done", "\(n)-0 \(n)-1 \(n)-2", "unsampled", "2"]) }
            _ = try await store.ingest([journal.page()])
            let read = try #require(StreamID("\(journal.ms)-0"))
            for n in 10..<20 { journal.add(["done", "\(n)-0", "unsampled", "4"]) }
            journal.trim(to: 3)
            let report = try await store.ingest([journal.page(after: read)])
            let gap = try #require(report.gaps.first)
            #expect(report.gaps.count == 1 && gap.missed == 7 * 5 && gap.reason == .trimmed)
            #expect(gap.after == read && gap.before == StreamID(journal.entries[0].id))
            #expect(try await store.status().missed == 35)
        }
    }

    @Test func `a first reader hears of what was trimmed before it came`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<10 { journal.add(["done", "\(n)-0"]) }
            journal.trim(to: 4)
            let report = try await store.ingest([journal.page()])
            #expect(report.gaps.map(\.missed) == [6] && report.gaps.map(\.after) == [nil])
        }
    }

    @Test func `a counter that begins again is a gap that nobody can count`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<4 { journal.add(["done", "\(n)-0"]) }
            _ = try await store.ingest([journal.page()])
            let read = try #require(StreamID("\(journal.ms)-0"))
            var next = HandJournal("mail", from: journal.ms + 1_000)
            next.add(["done", "9-0"])
            next.add(["done", "10-0"])
            let report = try await store.ingest([next.page(after: read)])
            #expect(
                report.events == 2 && report.gaps.map(\.reason) == [.restarted] && report.gaps.map(\.missed) == [nil]
            )
        }
    }

    @Test func `entries of an older library are indexed without facts and without gaps`() async throws {
        try await withHistory { store, _ in
            let source = HistorySource(queue: "mail", .journal)
            let old = [
                JournalEntry(id: "100-0", flat: ["by", "w-1", "done", "1-0", "done", "2-0"]),
                JournalEntry(id: "101-0", flat: ["by", "", "dead", "3-0 handler\nit broke"]),
            ].compactMap { $0 }
            let end = try #require(StreamID("101-0"))
            let report = try await store.ingest([HistoryPage(source, after: .zero, upTo: end, .journal(old))])
            #expect(report.events == 3 && report.gaps.isEmpty)
            let job = try #require(try await store.jobs(JobID("3-0")).first)
            #expect(job.kind == nil && job.last?.cause == "handler" && job.last?.by == nil && job.last?.group == nil)
            // The library is upgraded: its count begins at 0.
            let new = try #require(JournalEntry(id: "102-0", flat: ["by", "w-1", "n", "0", "done", "4-0"]))
            let upTo = try #require(StreamID("102-0"))
            let next = try await store.ingest([HistoryPage(source, after: end, upTo: upTo, .journal([new]))])
            #expect(next.events == 1 && next.gaps.isEmpty)
        }
    }

    @Test func `a waiting job is found by its intent before anybody runs it`() async throws {
        try await withHistory { store, _ in
            let source = HistorySource(queue: "mail", .normal)
            let at = ServerTime(milliseconds: WallHand.start)
            let job = WaitingJob(
                id: JobID("7-0"),
                kind: "mail.send",
                correlationID: "order-7",
                jobClass: "B",
                enqueuedAt: at
            )
            let upTo = try #require(StreamID("7-0"))
            let report = try await store.ingest([HistoryPage(source, after: .zero, upTo: upTo, .waiting([job]))])
            #expect(report.waiting == 1 && report.events == 0)
            let found = try #require(try await store.jobs(correlatedBy: "order-7").first)
            #expect(found.id == JobID("7-0") && found.last == nil && found.jobClass == "B" && found.enqueuedAt == at)
            #expect(try await store.jobHistories(of: JobID("7-0")).first?.events.map(\.what) == [.enqueued])

            // The journal's end of it and a second look at the stream leave one job, at its end.
            var journal = HandJournal("mail")
            journal.add(["facts", facts("7-0", "mail.send", correlation: "order-7"), "done", "7-0"])
            _ = try await store.ingest([journal.page()])
            _ = try await store.restart(source, from: upTo, last: .zero)
            _ = try await store.ingest([HistoryPage(source, after: .zero, upTo: upTo, .waiting([job]))])
            let jobHistory = try #require(try await store.jobHistories(of: JobID("7-0")).first)
            #expect(jobHistory.events.map(\.what) == [.enqueued, .done] && jobHistory.job.last?.what == .done)
            #expect(try await store.count("pond_history_jobs") == 1)
        }
    }

    @Test func `a late result does not become the last thing that happened`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            journal.add(["done", "1-0"])
            journal.add(["lost", "1-0"])
            _ = try await store.ingest([journal.page()])
            let jobHistory = try #require(try await store.jobHistories(of: JobID("1-0")).first)
            #expect(jobHistory.events.map(\.what) == [.done, .lost] && jobHistory.job.last?.what == .done)
        }
    }

    @Test func `hostile entries cost nothing but a count`() async throws {
        try await withHistory { store, _ in
            let source = HistorySource(queue: "mail", .journal)
            let long = String(repeating: "x", count: 3_000_000)
            let flats: [[String]] = [
                [], ["by"], ["n", "9223372036854775807", "done", "1-0 2-0"], ["n", "-5", "done", "3-0"],
                ["n", "abc", "done", "4-0"], ["dead", ""], ["dead", "\n\n\n"],
                ["retried", "5-0 x y z\n\u{0}binary\u{0}"],
                ["done", long], ["dead", "6-0 \(long)\n\(long)"], ["by", long, "facts", "\t\t\t", "done", "7-0"],
                ["facts", "8-0\t\(long)\t\(long)\t\(long)\t999999999999999999999\t-1\tx", "done", "8-0"],
                ["unsampled", "9223372036854775807", "n", "5"], ["DROP TABLE", "x"], ["done", "'; DROP TABLE x; --"],
            ]
            let entries =
                flats.enumerated().compactMap { JournalEntry(id: "\(1_000 + $0)-0", flat: $1) }
                + [JournalEntry(id: "9223372036854775807-18446744073709551615", flat: ["done", "9-0"])].compactMap {
                    $0
                }
            #expect(entries.count == flats.count + 1)
            let upTo = StreamID(milliseconds: .max, sequence: .max)
            let report = try await store.ingest(
                [HistoryPage(source, after: .zero, upTo: upTo, .journal(entries), unreadable: 3)]
            )
            #expect(report.events > 8)
            let status = try await store.status()
            #expect(status.unreadable >= 5 && status.positions.first?.position == upTo)
            let bytes = status.bytes
            #expect(bytes < 1_000_000, "texts of \(long.utf8.count) bytes were cut, the file has \(bytes)")
            #expect(
                try await store.jobHistories(of: JobID("5-0")).first?.events.first?.text == "\u{fffd}binary\u{fffd}"
            )
            // The long id is found by its whole self all the same.
            #expect(try await store.jobs(JobID(long)).count == 1)
        }
    }

    @Test func `pages of several queues go into one transaction`() async throws {
        try await withHistory { store, _ in
            var mail = HandJournal("mail")
            var pay = HandJournal("pay")
            mail.add(["done", "1-0"])
            pay.add(["done", "1-0"])
            _ = try await store.ingest([mail.page(), pay.page()])
            #expect(try await store.jobHistories(of: JobID("1-0")).map(\.job.queue).sorted() == ["mail", "pay"])
            #expect(try await store.positions().count == 2)
        }
    }

    @Test func `how far behind the file is goes down as it reads on`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 0..<10 { journal.add(["done", "\(n)-0"]) }
            let first = journal.page(limit: 4)
            _ = try await store.ingest([first])
            try await store.note(eventsWritten: ["mail": 10, "unknown": 5])
            #expect(try await store.status().behind == 6)
            _ = try await store.ingest([journal.page(after: first.upTo, limit: 2)])
            #expect(try await store.status().behind == 4)
        }
    }

    @Test func `one follower at a time has the file`() async throws {
        try await withHistory { store, folder in
            let other = HistoryStore(path: "\(folder)/history.sqlite")
            var lock = try store.lock()
            #expect(lock != nil)
            #expect(try other.lock() == nil)
            #expect(try await other.status().isFollowed)
            lock = nil
            #expect(try other.lock() != nil)
            try await other.close()
        }
    }

    @Test func `the file and those beside it are their owner's alone, and one that is there keeps its mode`()
        async throws
    {
        func mode(_ path: String) -> mode_t {
            var information = stat()
            return stat(path, &information) == 0 ? information.st_mode & 0o777 : 0
        }
        try await withHistory { store, folder in
            _ = try await store.claim(for: "redis://a mp")
            let path = store.store.path
            #expect(["", "-wal", "-shm"].map { mode(path + $0) } == [0o600, 0o600, 0o600])
            let shared = "\(folder)/shared.sqlite"
            write([], to: shared)
            try #require(chmod(shared, 0o640) == 0)
            let other = HistoryStore(path: shared)
            _ = try await other.claim(for: "redis://a mp")
            #expect(mode(shared) == 0o640)
            try await other.close()
        }
    }

    @Test func `a file is the history of one server`() async throws {
        try await withHistory { store, folder in
            #expect(try await store.claim(for: "redis://a mp") == "redis://a mp")
            #expect(try await store.claim(for: "redis://b mp") == "redis://a mp")
            try await store.reassign(to: "redis://b mp")
            #expect(try await store.claim(for: "redis://a mp") == "redis://b mp")
            #expect(try await HistoryStore.isFound(at: store.store.path))
            #expect(try await !HistoryStore.isFound(at: "\(folder)/no.sqlite"))
        }
    }
}
