import PondCore
import PondInsight
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// Every reason of a saga, provoked on a real server.
@Suite(.redis) struct WhySagaTests {
    private func park(_ store: QueueSagaStore, _ waits: SagaWait...) async throws {
        #expect(try await store.wait(waits, spent: nil) == .parked)
    }

    @Test func `waiting_timer: which step sleeps, and until when`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await store.finish("account")
            try await park(store, SagaWait("cool-off", .sleep, within: .seconds(6_000)))
            let report = try await place.why(id)
            let address = "\(place.queue.name)/\(id)"
            #expect(report.reason == .waitingTimer && report.state == .waiting)
            #expect(report.detail.hasPrefix("step cool-off sleeps until 20"))
            #expect(report.next.hasPrefix("it goes on in 1h"), "\(report.next)")
            #expect(report.since != nil)
            #expect(
                report.actions.map(\.text) == [
                    "pond saga resolve \(address) cool-off --done --reason WHY", "pond saga cancel \(address)",
                    "pond saga show \(address)",
                ]
            )
            #expect(report.facts.contains { $0.name == "steps" && $0.value == "account done ─ cool-off waiting" })
        }
    }

    @Test func `waiting_token: nobody has answered, and what else it waits for`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            let begin = StepBegin("payment", kind: .callback, token: "secret", within: .seconds(7_200))
            #expect(try await store.begin(begin) == .go(attempt: 1, token: "secret"))
            #expect(try await store.commit("payment", .sent) == .kept)
            try await park(
                store,
                SagaWait("rest", .sleep, within: .seconds(9_000)),
                SagaWait("payment", .callback, within: .seconds(7_200))
            )
            let report = try await place.why(id)
            #expect(report.reason == .waitingToken)
            #expect(report.detail.hasPrefix("step payment waits for an answer"))
            #expect(report.detail.contains("it also waits for step rest (sleep)"))
            #expect(report.next.contains("until somebody answers; in ") && report.next.contains("its time is up"))
            #expect(report.actions.map(\.text).contains("pond saga resolve-token - --data JSON"))
            #expect(!"\(report)".contains("secret"))
        }
    }

    @Test func `waiting_signal: which, and the command that sends it`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await park(store, SagaWait("pay", .signal("paid"), within: nil))
            let report = try await place.why(id)
            #expect(report.reason == .waitingSignal && report.detail == "step pay waits for the signal paid")
            #expect(report.next == "nothing, until somebody sends it")
            #expect(report.actions.first?.text == "pond saga signal \(place.queue.name)/\(id) paid")
        }
    }

    @Test func `waiting_children: how many have ended`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            let pages = SagaChildren("pages", kind: try JobKind("page"), payloads: [[1], [2], [3]], limit: 2)
            #expect(try await store.children(pages) == .go(attempt: 1, token: nil))
            try await park(store, SagaWait("pages", .children, within: nil))
            let report = try await place.why(id)
            #expect(report.reason == .waitingChildren)
            let said = ": 0 of 3 have ended; 2 jobs are on their way; \(place.queue.name)/"
            #expect(report.detail.contains(said), "\(report.detail)")
            #expect(report.actions.contains { $0.text == "pond corr \(place.queue.name)/\(id)" })
            let child = try await place.why(try await place.next().id)
            #expect(
                child.facts.contains { $0.name == "child of" && $0.value == "\(place.queue.name)/\(id), step pages" }
            )
        }
    }

    @Test func `waiting_children: the child that nobody can run, and why`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            let pages = SagaChildren("pages", kind: try JobKind("page"), payloads: [[1], [2]], limit: 2)
            #expect(try await store.children(pages) == .go(attempt: 1, token: nil))
            try await park(store, SagaWait("pages", .children, within: nil))
            let about = #"{"lease_ms":600000,"slots":4,"kinds":["other"]}"#
            _ = try await place.queue.beat(as: Consumer("ann"), about: about)
            let report = try await place.why(id)
            let child = try #require(try await place.queue.openChildren(of: "pages", in: id, atMost: 1).first)
            let said = "\(place.queue.name)/\(child) (page) is no_worker_for_kind: 1 worker serves"
            #expect(report.detail.contains(said), "\(report.detail)")
            #expect(report.actions.first?.text == "pond why \(place.queue.name)/\(child)")
        }
    }

    @Test func `undoing: which step is next and why it turned, while it is ready and while it runs`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await store.finish("account", undo: true)
            try await store.finish("card", undo: true)
            #expect(try await store.turn(.failed(cause: .failed, error: "no money"), spent: nil) == .moved)
            let ready = try await place.why(id)
            #expect(
                ready.reason == .starting && ready.detail.hasPrefix("its saga undoes what it did (step card is next")
            )
            let after = try await place.next()
            #expect(try await after.beginUndo("card") == .go(attempt: 1))
            #expect(try await after.endUndo("card", .retry(error: "HTTP 503")) == .moved)
            #expect(try await after.beginUndo("card") == .go(attempt: 2))
            let report = try await place.why(id)
            #expect(report.reason == .undoing && report.state == .running)
            let said = "because failed: no money; step card is next to be undone, tried 2 times (HTTP 503), 2 in all"
            #expect(report.detail.contains(said), "\(report.detail)")
            #expect(report.next.hasPrefix("it ends as compensated when all is undone"))
        }
    }

    @Test func `saga_paused: by a person, and by a build with other steps`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await store.finish("account")
            #expect(try await place.queue.pauseSaga(id, because: "bank is down") == .moved)
            let running = try await place.why(id)
            #expect(running.reason == .running && running.next.hasPrefix("its saga is paused"))
            #expect(running.actions.first?.text == "pond saga resume \(place.queue.name)/\(id)")
            #expect(try await store.pause("plan_mismatch: account", spent: nil) == .moved)
            let byPerson = try await place.why(id)
            #expect(byPerson.reason == .sagaPaused && byPerson.detail.hasSuffix(": bank is down"))
            #expect(try await place.queue.resumeSaga(id, because: "") == .moved)
            #expect(try await place.next().pause("plan_mismatch: account", spent: nil) == .moved)
            let byBuild = try await place.why(id)
            #expect(byBuild.reason == .sagaPaused)
            #expect(byBuild.detail.hasPrefix("plan_mismatch: step account of the handler"))
        }
    }

    @Test func `step_unknown: three answers, and each is the command for it`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.unknownStep("charge")
            let report = try await place.why(id)
            #expect(report.reason == .stepUnknown && report.state == .waiting)
            #expect(report.detail.contains("nobody knows whether it happened") && report.detail.contains("(once)"))
            let commands = ["--done --result JSON", "--retry", "--abandon"].map {
                "pond saga resolve \(place.queue.name)/\(id) charge \($0) --reason WHY"
            }
            #expect(Array(report.actions.map(\.text).prefix(3)) == commands)
            #expect(try await place.queue.resolveStep("charge", of: id, .done, because: "seen") == .moved)
            #expect(try await place.why(id).reason == .starting)
        }
    }

    @Test func `saga_stuck: which undo, its error, and what can be said of it`() async throws {
        try await WhyPlace.run { place in
            let id = try await place.stuckSaga("account")
            let report = try await place.why(id)
            #expect(report.reason == .sagaStuck && report.state == .dead)
            #expect(report.detail.hasPrefix("the undo of step account failed for good after 1 try: HTTP 410"))
            #expect(
                report.actions.first?.text
                    == "pond saga resolve \(place.queue.name)/\(id) account --retry --reason WHY"
            )
        }
    }

    @Test func `a saga that is due and that nobody makes ready waits for a worker`() async throws {
        try await WhyPlace.run { place in
            let (id, store) = try await place.saga()
            try await park(store, SagaWait("nap", .sleep, within: .milliseconds(1)))
            _ = try await place.queue.leave(as: Consumer("ann"))
            let report = try await place.eventually(.noWorker, of: id)
            #expect(report.state == .waiting && report.detail.contains("has been due for"))
        }
    }
}
