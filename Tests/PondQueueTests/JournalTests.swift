import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// What the journal tells, read as its readers read it.
@Suite(.redis) struct JournalTests {
    @Test func `a failure is told with its error, its due time and what the worker knew`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            let journalFacts = JournalFacts(
                job: try delivery.job.get(),
                wait: .milliseconds(12),
                run: .milliseconds(34),
                grade: JobGrade(.b, waitIsGood: true, totalIsGood: true)
            )
            let settlement = Settlement(
                receipt: delivery.receipt,
                id: id,
                outcome: .retry(after: .seconds(60), error: "HTTP 503\nfrom the bank"),
                spent: Spending(wall: .milliseconds(34), cpu: .zero),
                journalFacts: journalFacts
            )
            let answers = try await bench.queue.settle([settlement], as: .ann)
            guard case .held(let due) = answers.first else { throw Unexpected("\(answers)") }
            let entry = try #require(try await bench.journalEntries().last)
            #expect(entry.by == Consumer.ann.name)
            #expect(
                entry.events == [
                    JournalEvent(
                        .retried,
                        id,
                        words: ["\(due.milliseconds)"],
                        text: "HTTP 503\nfrom the bank",
                        facts: JobFacts(kind: "a.b", attempt: 1, wait: .milliseconds(12), run: .milliseconds(34))
                    )
                ]
            )
            #expect(try await bench.queue.job(id).field("waited_ms") == "12")
        }
    }

    @Test func `every entry says how many events came before it`() async throws {
        try await Bench.run { bench in
            for _ in 0..<5 { try await bench.add() }
            let deliveries = try await bench.fetch(as: .ann, 5)
            let outcomes: [Outcome] = [.done, .done, .retry(after: .seconds(9), error: "x"), .cancelled, .done]
            let settlements = zip(deliveries, outcomes).map { delivery, outcome in
                Settlement(receipt: delivery.receipt, id: JobID(delivery.receipt.entry), outcome: outcome)
            }
            _ = try await bench.queue.settle(Array(settlements[..<3]), as: .ann)
            _ = try await bench.queue.settle(Array(settlements[3...]), as: .ann)
            try await bench.call("pond_enqueue", "kind", "k", "delay_ms", "60000")
            let entries = try await bench.journalEntries()
            #expect(entries.map(\.count) == [3, 2, 1])
            #expect(entries.map(\.before) == [0, 3, 5])
        }
    }

    @Test func `what sampling leaves out is counted`() async throws {
        try await Bench.run { bench in
            for _ in 0..<4 { try await bench.add() }
            let deliveries = try await bench.fetch(as: .ann, 4)
            let settlements = try deliveries.enumerated().map { index, delivery in
                let journalFacts = JournalFacts(
                    job: try delivery.job.get(),
                    wait: .zero,
                    run: .zero,
                    grade: JobGrade(.b, waitIsGood: true, totalIsGood: true),
                    isSampled: index == 0
                )
                return Settlement(
                    receipt: delivery.receipt,
                    id: try delivery.job.get().id,
                    outcome: .done,
                    journalFacts: journalFacts
                )
            }
            _ = try await bench.queue.settle(settlements, as: .ann)
            let entry = try #require(try await bench.journalEntries().last)
            #expect(entry.events.map(\.job) == [settlements[0].id])
            #expect(entry.unsampled == 3 && entry.count == 4)
            #expect(try await bench.queue.depth().done == 4)
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .done)
            #expect(try await bench.journalEntries().last?.before == 4)
        }
    }

    @Test func `ids and texts from outside come back as they were`() async throws {
        try await Bench.run { bench in
            let hostile = "tab\there\nline \\ end"
            var options = EnqueueOptions()
            options.correlationID = hostile
            try await bench.add("a.b", "{}", options)
            let delivery = try await bench.fetchOne()
            let job = try delivery.job.get()
            let journalFacts = JournalFacts(
                job: job,
                wait: nil,
                run: nil,
                grade: JobGrade(.b, waitIsGood: true, totalIsGood: true)
            )
            let settlement = Settlement(
                receipt: delivery.receipt,
                id: job.id,
                outcome: .done,
                journalFacts: journalFacts
            )
            _ = try await bench.queue.settle([settlement], as: .ann)
            let event = try #require(try await bench.journalEntries().last?.events.first)
            #expect(event.facts?.correlationID == hostile)
            // The library's own facts are written the same way.
            try await bench.call("pond_enqueue", "kind", "k", "correlation_id", hostile, "delay_ms", "60000")
            let scheduled = try #require(try await bench.journalEntries().last?.events.first)
            #expect(scheduled.what == .scheduled && scheduled.facts?.correlationID == hostile)
        }
    }

    @Test func `a beat tells of running jobs, and of nothing else`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            let job = try await bench.fetchOne().job.get()
            let journalFacts = JournalFacts(
                job: job,
                wait: .milliseconds(1),
                run: .seconds(2),
                grade: JobGrade(.b, waitIsGood: true, totalIsGood: true)
            )
            let news = [
                RunEvent(.started, of: journalFacts), RunEvent(.progress(0.25, "page 1\u{1e} of 4"), of: journalFacts),
            ]
            _ = try await bench.queue.beat(as: .ann, about: "{}", news: news)
            let entry = try #require(try await bench.journalEntries().last)
            #expect(entry.events.map(\.what) == [.started, .progress])
            #expect(entry.events.map(\.job) == [job.id, job.id])
            #expect(entry.events[1].words == ["0.25"] && entry.events[1].text == "page 1 of 4")
            #expect(entry.events[0].facts?.run == .seconds(2))
            // A forged end in a beat is not told.
            try await bench.call(
                "pond_beat",
                Consumer.ann.name,
                "4000",
                "",
                "{}",
                "events:done 1-0\u{1e}dead 1-0 x\u{1e}"
            )
            #expect(try await bench.journalEntries().count == 1)
        }
    }

    @Test func `the journal is cut by its events, however many an entry has`() async throws {
        try await Bench.run { bench in
            try await bench.redis("CONFIG", "SET", "stream-node-max-entries", "1")
            // An old head: the next ten thousand that are full find that too many lie behind it.
            try await bench.redis("XADD", bench.key("journal"), "1-0", "by", "w", "n", "0", "expired", "1-0")
            for _ in 0..<20 {
                try await bench.redis("XADD", bench.key("journal"), "*", "by", "w", "n", "2999998", "expired", "1-0")
            }
            try await bench.redis("HSET", bench.key("meta"), "journal_events", "2999999")
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .done)
            let entries = try await bench.journalEntries()
            #expect(entries.first?.before == 2_999_998)
            #expect(entries.last?.before == 2_999_999)
            try await bench.redis("CONFIG", "SET", "stream-node-max-entries", "100")
        }
    }

    @Test func `an entry of an older library, and one of a newer, are read`() {
        let old = JournalEntry(id: "5-0", flat: ["by", "w", "done", "1-0 2-0", "retried", "3-0"])
        #expect(old?.events.map(\.job) == [JobID("1-0"), JobID("2-0"), JobID("3-0")])
        #expect(old?.before == nil && old?.time == ServerTime(milliseconds: 5))
        let new = JournalEntry(id: "5-0", flat: ["by", "", "n", "7", "teleported", "1-0 moon", "done", "2-0", "odd"])
        #expect(new?.events.map(\.job) == [JobID("2-0")])
        #expect(new?.by == nil && new?.before == 7)
        #expect(JournalEntry(id: "x", flat: []) == nil)
    }

    @Test func `many jobs that a limit holds back are one entry's word, and an event each`() {
        let entry = JournalEntry(id: "5-0", flat: ["by", "w", "n", "7", "limited", "openai rate_limited 1-0 2-0"])
        #expect(entry?.events.map(\.job) == [JobID("1-0"), JobID("2-0")] && entry?.count == 2)
        #expect(entry?.events.allSatisfy { $0.what == .limited && $0.words == ["openai", "rate_limited"] } == true)
    }

    /// Jobs that failed with the longest error that the journal takes.
    private func failLoudly(_ bench: Bench, jobs: Int) async throws {
        let error = String(repeating: "e", count: Limits.lastErrorBytesMax)
        _ = try await bench.queue.enqueue([NewJob](repeating: NewJob(kind: .test), count: jobs))
        for delivery in try await bench.fetch(jobs) {
            try await bench.settle(delivery, .retry(after: .seconds(600), error: error))
        }
    }

    /// A library whose journal is bounded to some KiB.
    private func loadLibrary(_ bench: Bench, kibibytesMax: Int, min: Int) async throws {
        let text = LuaLibrary.text
            .replacing(
                "local JOURNAL_BYTES_MAX = \(Limits.journalBytesMax)",
                with: "local JOURNAL_BYTES_MAX = \(kibibytesMax << 10)"
            )
            .replacing(
                "local JOURNAL_BYTES_MIN = \(Limits.journalBytesMin)",
                with: "local JOURNAL_BYTES_MIN = \(min << 10)"
            )
        try await bench.redis("FUNCTION", "LOAD", "REPLACE", text)
    }

    private func journalBytes(_ bench: Bench) async throws -> Int {
        Int(try await bench.redis("MEMORY", "USAGE", bench.key("journal"), "SAMPLES", "0").int ?? 0)
    }

    @Test(.redis) func `long errors do not make the journal larger than its bytes allow`() async throws {
        try await Bench.run { bench in
            try await loadLibrary(bench, kibibytesMax: 100, min: 10)
            try await failLoudly(bench, jobs: 300)
            #expect(try await journalBytes(bench) > 300 << 10)
            _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
            #expect(try await (50 << 10...110 << 10).contains(journalBytes(bench)))
            // A reader sees by the numbers that it missed something, and by the last entry that nothing else happened.
            let last = try #require(try await bench.journalEntries().last)
            #expect(last.events.isEmpty && last.before == 300)
        }
    }

    @Test(.redis) func `what a queue says that stays of its journal stays when memory is short`() async throws {
        try await Bench.run { bench in
            try await loadLibrary(bench, kibibytesMax: 1_000, min: 10)
            try await failLoudly(bench, jobs: 300)
            try await bench.redis("HSET", bench.key("meta"), "journal_bytes_min", "\(10 << 20)")
            let bytes = try await journalBytes(bench)
            try await bench.redis("CONFIG", "SET", "maxmemory", "1mb")
            _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
            try await bench.redis("CONFIG", "SET", "maxmemory", "0")
            #expect(try await journalBytes(bench) >= bytes)
            // A word that is no number counts as none.
            try await bench.redis("HSET", bench.key("meta"), "journal_bytes_min", "much")
            try await bench.redis("CONFIG", "SET", "maxmemory", "1mb")
            _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
            try await bench.redis("CONFIG", "SET", "maxmemory", "0")
            #expect(try await journalBytes(bench) < bytes * 3 / 4)
        }
    }

    @Test(.redis) func `a server that is short of memory gets half of the journal back`() async throws {
        try await Bench.run { bench in
            try await loadLibrary(bench, kibibytesMax: 10_000, min: 10)
            try await failLoudly(bench, jobs: 1_000)
            let before = try await journalBytes(bench)
            let info = try #require(try await bench.redis("INFO", "memory").string)
            let used = try #require(info.firstMatch(of: /used_memory:(\d+)/).flatMap { Int($0.1) })
            _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
            #expect(try await journalBytes(bench) == before, "nobody is short of anything yet")
            try await bench.redis("CONFIG", "SET", "maxmemory", "\(used + used / 20)")
            _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
            #expect(try await journalBytes(bench) < before * 6 / 10)
        }
    }
}

extension Bench {
    /// The journal as its readers see it.
    func journalEntries() async throws -> [JournalEntry] {
        try await entries(of: key("journal")).compactMap { entry, fields in
            JournalEntry(id: entry, flat: fields.flatMap { [$0.name, $0.value] })
        }
    }
}
