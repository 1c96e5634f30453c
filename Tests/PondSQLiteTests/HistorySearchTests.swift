import GRDB
import PondCore
import PondSQLite
import Testing

@Suite struct HistorySearchTests {
    /// Ten failures of two groups and ten jobs that went well, in two queues.
    private func fill(_ store: HistoryStore) async throws -> (mail: HandJournal, pay: HandJournal) {
        var mail = HandJournal("mail")
        for n in 0..<10 {
            let id = "\(n)-0"
            let kind = n < 5 ? "mail.send" : "mail.read"
            let facts = facts(id, kind, correlation: n.isMultiple(of: 2) ? "even" : "", run: 100 + n)
            let end = n < 3 ? ["dead", "\(id) handler aaaaaaaa\nHTTP 503 from mail.example: try \(n)"] : ["done", id]
            mail.add(by: "w-\(n % 2)", after: 1_000, ["facts", facts] + end)
        }
        var pay = HandJournal("pay")
        for n in 0..<10 {
            let id = "\(n)-0"
            let end = n < 7 ? ["dead", "\(id) timeout bbbbbbbb\nthe bank \"did not\" answer"] : ["done", id]
            pay.add(by: "w-9", after: 1_500, ["facts", facts(id, "pay.charge")] + end)
        }
        let report = try await store.ingest([mail.page(), pay.page()])
        #expect(report.events == 20)
        return (mail, pay)
    }

    private func query(_ change: (inout HistoryQuery) -> Void) -> HistoryQuery {
        var query = HistoryQuery()
        change(&query)
        return query
    }

    @Test func `errors are found by their words`() async throws {
        try await withHistory { store, _ in
            _ = try await fill(store)
            func ids(_ text: String) async throws -> [String] {
                try await store.search(query { $0.text = text }).map { "\($0.job.queue)/\($0.job.id)" }
            }
            #expect(try await ids("503 mail.example") == ["mail/2-0", "mail/1-0", "mail/0-0"])
            #expect(try await ids("exam*").count == 3)
            #expect(try await ids("bank \"did not\"").count == 7)
            #expect(try await ids("bank 503").isEmpty)
            // Nothing in a text is a command of the search.
            for odd in ["\"", "*", "NEAR(", "a OR b", "text:x", "^", "()", "-", "\u{0}", "''"] {
                _ = try await ids(odd)
            }
            // Seven failures with the same text are one text.
            #expect(try await store.count("pond_history_texts") == 4)
        }
    }

    @Test func `each condition leads, and all hold`() async throws {
        try await withHistory { store, _ in
            let (mail, _) = try await fill(store)
            func count(_ change: (inout HistoryQuery) -> Void) async throws -> Int {
                try await store.search(query(change)).count
            }
            #expect(try await count { _ in } == 20)
            #expect(try await count { $0.limit = 7 } == 7)
            #expect(try await count { $0.group = "E-aaaaaaaa" } == 3)
            #expect(try await count { $0.group = "bbbbbbbb" } == 7)
            #expect(try await count { $0.group = "nonsense" } == 0)
            #expect(try await count { $0.cause = "timeout" } == 7)
            #expect(try await count { $0.worker = "w-0" } == 5)
            #expect(try await count { $0.kind = "mail.read" } == 5)
            #expect(try await count { $0.queue = "pay" } == 10)
            #expect(try await count { $0.correlationID = "even" } == 5)
            #expect(try await count { $0.correlationID = "1-0" } == 2)
            #expect(try await count { $0.kind = "unknown" } == 0)
            #expect(try await count { ($0.cause, $0.kind, $0.worker) = ("handler", "mail.send", "w-0") } == 2)
            #expect(try await count { ($0.text, $0.correlationID) = ("503", "even") } == 2)
            let middle = ServerTime(milliseconds: mail.ms - 4_500)
            #expect(try await count { ($0.kind, $0.since) = ("mail.read", middle) } == 5)
            #expect(try await count { ($0.queue, $0.until) = ("mail", middle) } == 5)
            #expect(try await count { ($0.cause, $0.since) = ("handler", middle) } == 0)
            let times = try await store.search(query { $0.cause = "timeout" }).map(\.event.time)
            #expect(times == times.sorted(by: >))
        }
    }

    @Test func `the jobs of an intent come with what a tree needs`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            journal.add(["facts", facts("1-0", "order", run: 7), "done", "1-0"])
            for n in 2..<5 {
                let line = facts("\(n)-0", "step", correlation: "1-0", causation: "1-0")
                journal.add(["facts", line, "done", "\(n)-0"])
            }
            // A job that has an intent of its own is no part of the one that has its id.
            journal.add(["facts", facts("9-0", "x", correlation: "8-8"), "done", "9-0"])
            journal.add(["facts", facts("10-0", "x", correlation: "9-0"), "done", "10-0"])
            _ = try await store.ingest([journal.page()])
            let jobs = try await store.jobs(correlatedBy: "1-0")
            #expect(jobs.map(\.id.text) == ["1-0", "2-0", "3-0", "4-0"])
            #expect(jobs.map(\.causationID) == [nil, "1-0", "1-0", "1-0"])
            #expect(try await store.jobs(correlatedBy: "9-0").map(\.id.text) == ["10-0"])
            #expect(try await store.jobs(correlatedBy: "1-0", limit: 2).count == 2)
        }
    }

    @Test func `run times of a kind are within 5 percent`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("mail")
            for n in 1...1_000 {
                // Two humps: most are quick, a tenth is slow.
                let run = n.isMultiple(of: 10) ? 30_000 + n : 100 + n / 10
                journal.add(["facts", facts("\(n)-0", "mail.send", run: run), "done", "\(n)-0"])
            }
            _ = try await store.ingest([journal.page()])
            let times = try #require(try await store.runTimes(of: "mail.send"))
            #expect(times.count == 1_000)
            #expect((142.0...160.0).contains(Double(times.p50.wholeMilliseconds)))
            #expect((28_800.0...32_000.0).contains(Double(times.p95.wholeMilliseconds)))
            #expect(try await store.runTimes(of: "mail.send", in: "mail")?.count == 1_000)
            #expect(try await store.runTimes(of: "mail.send", in: "pay") == nil)
            #expect(try await store.runTimes(of: "unknown") == nil)
        }
    }
}
