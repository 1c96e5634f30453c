import PondCore
import PondInsight
import PondQueue
import PondSQLite
import PondSaga
import PondTestKit
import Testing

/// Sagas in the chart of an intent, and in the history that it is drawn from.
@Suite(.redis) struct IntentSagaTests {
    private let ann = Consumer("ann")

    /// The next job, as soon as there is one.
    private func fetch(_ bench: HistoryBench, _ queue: Queue) async throws -> (store: QueueSagaStore, job: Job) {
        _ = try await queue.beat(as: ann, about: "{}")
        var found: Delivery?
        try await bench.eventually("a job is ready") {
            found = try await queue.fetch(as: ann, atMost: 1).deliveries.first
            return found != nil
        }
        let delivery = try #require(found)
        let job = try delivery.job.get()
        return (QueueSagaStore(queue, delivery.receipt, of: job.id, as: ann), job)
    }

    private func run(_ store: QueueSagaStore, _ name: String, undo: Bool = false) async throws {
        _ = try await store.begin(StepBegin(name, hasUndo: undo))
        #expect(try await store.commit(name, .done(result: Array("1".utf8))) == .kept)
    }

    /// A saga with a wait, children, a failure and an undo, to its end.
    private func flow(_ bench: HistoryBench, _ queue: Queue) async throws -> JobID {
        var options = EnqueueOptions()
        options.correlationID = "order-7"
        let id = try await queue.enqueue(NewJob(kind: try JobKind("order.ship"), data: [], options: options)).id
        var (store, _) = try await fetch(bench, queue)
        try await run(store, "take money", undo: true)
        #expect(try await store.wait([SagaWait("cool off", .sleep, within: .milliseconds(20))], spent: nil) == .parked)
        (store, _) = try await fetch(bench, queue)
        let children = SagaChildren(
            "pages",
            kind: try JobKind("page.fetch"),
            payloads: [[49]],
            total: 1,
            policy: .all,
            limit: 1
        )
        _ = try await store.children(children)
        #expect(try await store.wait([SagaWait("pages", .children, within: nil)], spent: nil) == .parked)
        // Whose child it is stands in its entry alone.
        _ = try await bench.follower().followOnce()
        let (child, job) = try await fetch(bench, queue)
        let end = Settlement(receipt: child.receipt, id: job.id, outcome: .done, isSaga: true)
        _ = try await queue.settle([end], as: ann)
        (store, _) = try await fetch(bench, queue)
        _ = try await store.begin(StepBegin("ship it"))
        #expect(try await store.commit("ship it", .failed(error: "no stock", isCertain: true)) == .kept)
        #expect(try await store.turn(.failed(cause: .failed, error: "no stock"), spent: nil) == .moved)
        (store, _) = try await fetch(bench, queue)
        #expect(try await store.beginUndo("take money") == .go(attempt: 1))
        #expect(try await store.endUndo("take money", .done) == .moved)
        #expect(try await store.end(.compensated, "") == .moved)
        let last = Settlement(receipt: store.receipt, id: id, outcome: .compensated, isSaga: true)
        _ = try await queue.settle([last], as: ann)
        return id
    }

    @Test func `a saga's history tells of each step, and its chart has a bar for each`() async throws {
        try await HistoryBench.run { bench in
            let queue = try await bench.queue("shop")
            _ = try await queue.open()
            let id = try await flow(bench, queue)
            _ = try await bench.follower().followOnce()
            let history = try #require(try await bench.store.jobHistories(of: id).first)
            let told = history.events.map { [$0.what.name, $0.step].compactMap(\.self).joined(separator: " ") }
            #expect(
                told == [
                    "saga", "step take money", "wait cool off", "waiting cool off", "waited cool off", "woken",
                    "children pages", "waiting pages", "joined pages", "waited pages", "woken", "step_failed ship it",
                    "turned", "undone take money", "saga_ended", "compensated",
                ]
            )
            let journal = try await queue.journal(.oldestFirst, from: "-", to: "+", atMost: 1_000)
            #expect(journal.allSatisfy { $0.unknown == 0 })
            #expect(history.events.first { $0.what == .undone }?.run != nil)
            #expect(history.job.kind == "order.ship" && history.job.last?.what == .compensated)

            for reader in [IntentReader(bench.pond, history: bench.store), IntentReader(bench.pond, history: nil)] {
                let answer = try await reader.answer(id.text)
                let job = try #require(answer.tree.rows.first?.job)
                #expect(job.state == "compensated" && answer.correlationID == "order-7")
                #expect(job.steps.map(\.name) == ["take money", "cool off", "pages", "ship it"])
                #expect(job.steps.map(\.word) == ["undone", "done", "done", "failed"])
                #expect(job.steps.map { $0.segments.map(\.kind) } == [[.run, .undo], [.parked], [.parked], [.run]])
                #expect(job.steps[1].segments.time(.parked) >= .milliseconds(20) && job.steps[3].error == "no stock")
                #expect(job.segments.map(\.kind).filter { $0 != .wait } == [.run, .parked, .run, .parked, .run, .undo])
            }
            let rows = try await IntentReader(bench.pond, history: bench.store).answer("order-7").tree.rows
            #expect(
                rows.map { $0.step?.name ?? $0.job.kind } == [
                    "order.ship", "take money", "cool off", "pages", "page.fetch", "ship it",
                ]
            )
            #expect(rows.map(\.guide) == ["", "├─ ", "├─ ", "├─ ", "│  └─ ", "└─ "])
        }
    }

    private func at(_ milliseconds: Int64) -> ServerTime { ServerTime(milliseconds: 1_000_000 + milliseconds) }

    @Test func `what goes on is drawn up to now, and what was left open ends where the saga turned round`() {
        let record = SagaRecord(
            state: .undoing,
            since: at(500),
            turn: .cancelled,
            steps: [
                StepRecord(name: "a", state: .done, sequence: 1, undo: .running, began: at(100), ended: at(200)),
                StepRecord(name: "b", kind: .signal, state: .waiting, sequence: 2, began: at(200)),
            ]
        )
        let events = [
            IntentEvent(.enqueued, at: at(0)), IntentEvent(.step, at: at(200), run: .milliseconds(100), words: ["a"]),
            IntentEvent(.waiting, at: at(200), words: ["0", "b"]),
            IntentEvent(.turned, at: at(500), words: ["cancelled"], isOfWorker: false),
        ]
        let job = IntentJob(
            queue: "q",
            id: JobID("1-0"),
            kind: "k",
            causationID: nil,
            events: events,
            live: IntentJob.Live(.running, since: at(510)),
            saga: record,
            now: at(1_000)
        )
        #expect(job.state == "running" && job.steps.map(\.word) == ["undoing", "abandoned"])
        let tree = IntentTree([job])
        #expect(tree.rows.map { tree.bar(of: $0, width: 10, isASCII: true) } == [".#===<<<<<", " #   <<<<<", "  ==="])
    }

    @Test func `events alone tell of the steps of a saga that nothing remembers`() {
        func event(_ what: HistoryEvent.What, _ time: Int64, _ words: String..., run: Int64? = nil) -> IntentEvent {
            IntentEvent(what, at: at(time), run: run.map { .milliseconds($0) }, words: words, text: "HTTP 503")
        }
        let job = IntentJob(
            queue: "q",
            id: JobID("1-0"),
            kind: "k",
            causationID: nil,
            events: [
                event(.step, 100, "a", run: 100), event(.wait, 100, "b"), event(.waiting, 100, "0", "b"),
                event(.waited, 300, "failed", "b", run: 200), event(.woken, 300, "b"),
                event(.stepRetried, 400, "c", run: 50), event(.stepUnknown, 500, "d"),
                event(.turned, 500, "compensated"),
                event(.undoRetried, 600, "a", run: 50), event(.undoFailed, 700, "a", run: 20),
                event(.undoSkipped, 700, "c"),
                event(.dead, 700, "saga_stuck"),
            ],
            live: nil,
            now: at(1_000)
        )
        #expect(job.steps.map(\.name) == ["a", "b", "c", "d"])
        #expect(job.steps.map(\.word) == ["undo stuck", "failed", "running", "unknown"])
        #expect(job.steps[0].segments.map(\.kind) == [.run, .undo, .undo] && job.steps[0].error == "HTTP 503")
        #expect(job.steps[1].segments == [IntentSegment(.parked, from: at(100), to: at(300))])
        #expect(job.segments.map(\.kind) == [.run, .parked, .wait, .run, .wait, .undo] && job.state == "dead")
    }
}
