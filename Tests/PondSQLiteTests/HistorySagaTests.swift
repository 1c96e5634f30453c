import GRDB
import PondCore
import PondSQLite
import Testing

/// What a history keeps of sagas.
@Suite struct HistorySagaTests {
    @Test func `the numbers of events in a file never change`() {
        // Written down here once more: a file has them for as long as people keep it.
        let names = [
            "enqueued", "done", "scheduled", "started", "progress", "retried", "dead", "deferred", "released",
            "reclaimed",
            "duplicate", "cancelled", "expired", "lost", "ghost", "dropped", "revived", "discarded", "compensated",
            "saga", "step", "step_retried", "step_failed", "step_unknown", "wait", "waiting", "waited", "woken",
            "children",
            "joined", "signal", "token_resolved", "token_same", "token_conflict", "token_expired", "token_void",
            "turned",
            "undone", "undo_skipped", "undo_retried", "undo_failed", "saga_paused", "saga_resumed", "saga_reopened",
            "saga_resolved", "saga_forked", "saga_ended", "saga_stuck", "limited",
        ]
        for (number, name) in names.enumerated() { #expect(HistoryEvent.What(rawValue: number)?.name == name) }
        #expect(HistoryEvent.What(rawValue: names.count) == nil)
        let told = JournalEvent.Kind.allCases.compactMap { HistoryEvent.What($0)?.name }
        #expect(told == JournalEvent.Kind.allCases.map(\.rawValue), "each event of the journal has a number")
    }

    @Test func `a saga's events keep their steps, with blanks and all, and how long each took`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("shop")
            let line = facts("1-0", "order.ship", correlation: "order-7")
            journal.add(["facts", line, "saga", "1-0"])
            journal.add(["facts", "1-0 get  the money\torder.ship\t\t\t2\t\t450", "step", "1-0 get  the money"])
            journal.add(["step_failed", "1-0 ship it\nHTTP 410"])
            journal.add(["waiting", "1-0 \(journal.ms + 5_000) cool off", "waiting", "1-0 0 an answer"])
            journal.add([
                "saga_forked", "1-0 2-0 same get  the money\nann: INC-7", "turned", "1-0 compensated\nno stock",
            ])
            journal.add(["waited", "1-0 failed an answer\ntimed out"])
            _ = try await store.ingest([journal.page()])

            let history = try #require(try await store.jobHistories(of: JobID("1-0")).first)
            #expect(
                history.events.map(\.step) == [
                    nil, "get  the money", "ship it", "cool off", "an answer", "get  the money", nil, "an answer",
                ]
            )
            let step = history.events[1]
            #expect(step.what == .step && step.attempt == 2 && step.run == .milliseconds(450))
            #expect(history.job.kind == "order.ship" && history.job.correlationID == "order-7")
            #expect(history.events[2].text == "HTTP 410" && history.events[4].due == nil)
            #expect(history.events[5].words == ["2-0", "same", "get  the money"])
            #expect(history.events[6].words == ["compensated"] && history.events[6].text == "no stock")
            #expect(history.events[7].words == ["failed", "an answer"])
            var query = HistoryQuery()
            query.text = "timed"
            #expect(try await store.search(query).first?.event.step == "an answer")
        }
    }

    @Test func `what comes behind a job's end does not open it again`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("shop")
            journal.add(["dead", "1-0 saga_stuck 1f3a9c2e\nno way", "saga_stuck", "1-0 stuck"])
            journal.add(["token_void", "1-0 payment\nbank", "saga_forked", "1-0 2-0 new a"])
            _ = try await store.ingest([journal.page()])
            let history = try #require(try await store.jobHistories(of: JobID("1-0")).first)
            #expect(history.events.count == 4 && history.job.last?.what == .dead && history.hasEnded)
            journal.add(["revived", "1-0", "saga_resolved", "1-0 retry a\nann"])
            let end = try #require(StreamID("\(journal.ms - 1)-0"))
            _ = try await store.ingest([journal.page(after: end)])
            #expect(try await store.jobHistories(of: JobID("1-0")).first?.hasEnded == false)
        }
    }

    @Test func `a newer program's events are read as something else, not as what they are not`() async throws {
        try await withHistory { store, _ in
            var journal = HandJournal("shop")
            journal.add(["started", "1-0"])
            journal.add(["done", "1-0"])
            _ = try await store.ingest([journal.page()])
            try await store.store.write { db in
                try db.execute(sql: "UPDATE pond_history_events SET what = 4711, words = 'a b' WHERE what = 3")
            }
            let history = try #require(try await store.jobHistories(of: JobID("1-0")).first)
            #expect(history.events.map(\.what) == [.other, .done] && history.events[0].words == ["a", "b"])
            #expect(history.events[0].what.name == "other" && history.hasEnded)
        }
    }
}
