import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// What people may do to sagas costs nobody money twice, and loses nobody any: it is refused, or asks for a plain word.
@Suite(.redis) struct SagaMoneyTests {
    private let failed = SagaTurn.failed(cause: .failed, error: "sold out")

    private func settle(_ bench: Bench, _ store: QueueSagaStore, _ outcome: Outcome) async throws -> SettleAnswer? {
        let settlement = Settlement(receipt: store.receipt, id: store.id, outcome: outcome, isSaga: true)
        return try await bench.queue.settle([settlement], as: .ann).first
    }

    /// A saga that charged, failed, and has given the money back.
    private func compensated(_ bench: Bench) async throws -> JobID {
        let (id, first) = try await bench.saga()
        try await first.run("charge", undo: true)
        try await first.run("ship")
        #expect(try await first.turn(failed, spent: nil) == .moved)
        let store = try await bench.next(id)
        try await store.undo("charge")
        #expect(try await store.end(.compensated, "") == .moved)
        #expect(try await settle(bench, store, .compensated) == .compensated)
        return id
    }

    /// A saga that booked, paid behind its pivot, sent a letter that must not be sent twice, and is done.
    private func done(_ bench: Bench) async throws -> JobID {
        let (id, store) = try await bench.saga()
        try await store.run("hotel", undo: true)
        try await store.run("payment", undo: true, pivot: true)
        _ = try await store.begin(StepBegin("letter", effect: .once))
        #expect(try await store.commit("letter", .done(result: [])) == .kept)
        #expect(try await store.end(.done, "") == .moved)
        #expect(try await settle(bench, store, .done) == .done)
        return id
    }

    private func refusal(_ answer: ForkAnswer) -> String? {
        if case .refused(let text) = answer { text } else { nil }
    }

    @Test(arguments: ["charge", "ship"])
    func `a replay with the same keys is refused when anything was undone, whatever it begins with`(
        step: String
    ) async throws {
        try await Bench.run { bench in
            let id = try await compensated(bench)
            let text = refusal(try await bench.queue.fork(id, from: step, keys: .same, because: ""))
            #expect(text?.contains("\"charge\" was undone") == true && text?.contains("new keys") == true)
            #expect(try await bench.fetch().isEmpty)
            guard case .enqueued = try await bench.queue.fork(id, from: step, keys: .new, because: "") else {
                Issue.record("a replay with new keys was refused")
                return
            }
        }
    }

    @Test func `a replay builds on nothing that its saga is about to undo`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("charge", undo: true)
            try await first.run("ship")
            #expect(try await first.turn(failed, spent: nil) == .moved)
            #expect(try await bench.next(id).pause("look", spent: nil) == .moved)
            let text = refusal(try await bench.queue.fork(id, from: "ship", keys: .same, because: ""))
            #expect(text?.contains("\"charge\" will be undone") == true, "\(text ?? "nothing")")
            _ = try await bench.queue.fork(id, from: "ship", keys: .new, because: "")
            let record = try #require(try await bench.store(try await bench.fetchOne()).read())
            #expect(record.steps.isEmpty)
        }
    }

    @Test(arguments: [ForkKeys.same, .new])
    func `a step that must not run twice runs again only when it is named`(keys: ForkKeys) async throws {
        try await Bench.run { bench in
            let id = try await done(bench)
            let queue = bench.queue
            let text = refusal(try await queue.fork(id, from: "letter", keys: keys, because: ""))
            #expect(text?.contains("\"letter\" has the effect once and is done") == true)
            #expect(try await refusal(queue.fork(id, from: "letter", keys: keys, because: "", again: ["x"])) != nil)
            let answer = try await queue.fork(id, from: "letter", keys: keys, because: "", again: ["letter"])
            let delivery = try await bench.fetchOne()
            #expect(answer == .enqueued(delivery.id))
            // Behind it nothing is asked.
            #expect(try await refusal(queue.fork(id, from: nil, keys: keys, because: "")) == nil)
        }
    }

    @Test func `a replay of what is done goes forward only, or undoes its own steps alone`() async throws {
        try await Bench.run { bench in
            let id = try await done(bench)
            for keys in [ForkKeys.same, .new] {
                _ = try await bench.queue.fork(id, from: "payment", keys: keys, because: "", again: ["letter"])
                let store = bench.store(try await bench.fetchOne())
                #expect(try await store.begin(StepBegin("payment", hasUndo: true)) == .go(attempt: 1, token: nil))
                #expect(try await store.commit("payment", .failed(error: "no", isCertain: false)) == .kept)
                let answer = try await store.turn(failed, spent: nil)
                guard keys == .new else {
                    #expect(answer == .refused("pivot of saga \(id)"))
                    #expect(try await store.read()?.isPastPivot == true)
                    await #expect(throws: QueueError.self) { try await bench.queue.cancel(store.id) }
                    #expect(try await store.pause("forward_only: no", spent: nil) == .moved)
                    continue
                }
                #expect(answer == .moved)
                let record = try #require(try await bench.next(store.id).read())
                #expect(record.toUndo.map(\.name) == ["payment"] && record["hotel"]?.undo == StepRecord.Undo.none)
            }
        }
    }

    /// Where a saga is when somebody cancels it behind its pivot.
    enum Place: CaseIterable, Sendable { case running, waiting, paused, ready }

    @Test(arguments: Place.allCases)
    func `a saga behind its pivot is not cancelled unless forced`(place: Place) async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("hotel", undo: true)
            try await store.run("payment", pivot: true)
            switch place {
            case .running: break
            case .waiting:
                #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            case .paused: #expect(try await store.pause("look", spent: nil) == .moved)
            case .ready: _ = try await settle(bench, store, .released)
            }
            let before = try await bench.queue.saga(id)
            let error = await #expect(throws: QueueError.self) { try await bench.queue.cancel(id) }
            #expect(error?.code == .forwardOnly && error?.message.contains("pivot (payment)") == true)
            #expect(try await bench.queue.saga(id) == before)
            #expect(try await bench.queue.cancel(id, force: true) == .cancelling)
            #expect(try await bench.queue.saga(id)?.state == .undoing)
        }
    }

    @Test func `a deadline behind the pivot pauses the saga, and it has none any more`() async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions()
            options.expires = ServerTime(milliseconds: try await bench.now() + 100)
            let (id, store) = try await bench.saga(options)
            try await store.run("hotel", undo: true)
            try await store.run("payment", pivot: true)
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            let isPaused = try await Waiting.until {
                _ = try await bench.fetch()
                return try await bench.queue.saga(id)?.state == .paused
            }
            #expect(isPaused)
            #expect(try await bench.queue.saga(id)?.reason == "forward_only: deadline")
            #expect(try await bench.queue.resumeSaga(id, because: "go on") == .moved)
            let delivery = try await bench.fetchOne()
            #expect(try delivery.job.get().expires == nil && delivery.job.get().phase == nil)
            #expect(try await bench.store(delivery).turn(.cancelled("no"), spent: nil) == .refused("pivot payment"))
        }
    }

    private let join = SagaWait("pages", .children, within: nil)

    /// A saga that waits for children, and those.
    private func parent(
        _ bench: Bench,
        _ policy: SagaChildren.Policy = .all
    ) async throws
        -> (id: JobID, children: [Delivery])
    {
        let (id, store) = try await bench.saga()
        try await store.run("a", undo: true)
        let kind = try JobKind("child")
        let children = SagaChildren("pages", kind: kind, payloads: [[1], [2]], policy: policy, limit: 2)
        #expect(try await store.children(children) == .go(attempt: 1, token: nil))
        #expect(try await store.wait([join], spent: nil) == .parked)
        return (id, try await bench.fetch())
    }

    @Test func `a child that somebody has paused stays so, and is cancelled when he lets it go on`() async throws {
        try await Bench.run { bench in
            let (id, kids) = try await parent(bench)
            let child = bench.store(kids[0])
            try await child.run("b", undo: true)
            #expect(try await bench.park(kids[0]) == .parked)
            #expect(try await bench.queue.pauseSaga(child.id, because: "look") == .moved)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await bench.queue.saga(child.id)?.state == .paused)
            try await bench.settle(kids[1], .cancelled)
            #expect(try await bench.fetch().isEmpty, "nothing is undone before")
            #expect(try await bench.queue.resumeSaga(child.id, because: "seen") == .moved)
            let undoing = try await bench.next(child.id)
            try await undoing.undo("b")
            #expect(try await undoing.end(.cancelled, "") == .moved)
            #expect(try await settle(bench, undoing, .cancelled) == .cancelled)
            try await bench.next(id).undo("a")
        }
    }

    @Test func `a dead child is sent back only while its parent waits for it, and is counted anew`() async throws {
        try await Bench.run { bench in
            let (id, kids) = try await parent(bench, .bestEffort)
            try await bench.settle(kids[0], .dead(cause: .failed, error: "e"))
            #expect(try await bench.queue.revive([kids[0].id]) == [.enqueued])
            let again = try await bench.fetchOne()
            #expect(try await bench.queue.join(of: "pages", in: id)?.failed == 0)
            try await bench.settle(again, .dead(cause: .failed, error: "e"))
            _ = try await settle(bench, bench.store(kids[1]), .done)
            let store = try await bench.next(id)
            #expect(try await store.read()?["pages"]?.state == .done)
            guard case .refused(let over)? = try await bench.queue.revive([again.id]).first else {
                Issue.record("a child was sent back that nobody waits for")
                return
            }
            #expect(over.contains("waits for step \"pages\" no more"), "\(over)")
            #expect(try await store.turn(failed, spent: nil) == .moved)
            guard case .refused(let text)? = try await bench.queue.revive([again.id]).first else {
                Issue.record("a child was sent back whose parent undoes")
                return
            }
            #expect(text.contains("its parent saga \(id) is undoing"), "\(text)")
            #expect(try await bench.queue.revive([again.id], force: true) == [.enqueued])
        }
    }

    @Test(arguments: [PersonWord.done, .retry, .abandon])
    func `an undo that rests is answered for by a person, and the saga goes on at once`(word: PersonWord) async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("c", undo: true)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let store = try await bench.next(id)
            #expect(try await store.beginUndo("c") == .go(attempt: 1))
            guard case .refused = try await bench.queue.resolveStep("c", of: id, word, because: "") else {
                Issue.record("a person spoke of an undo that runs")
                return
            }
            #expect(try await store.endUndo("c", .retry(error: "HTTP 503")) == .moved)
            _ = try await settle(bench, store, .postponed(for: .seconds(3_600)))
            try await bench.expect(id, in: .held)
            #expect(try await bench.queue.resolveStep("c", of: id, word, because: "looked") == .moved)
            let last = try await bench.next(id)
            #expect(try await last.beginUndo("c") == (word == .retry ? .go(attempt: 1) : .over))
            if word == .retry { #expect(try await last.endUndo("c", .done) == .moved) }
            #expect(try await last.end(.compensated, "") == .moved)
            guard case .refused = try await bench.queue.resolveStep("c", of: id, word, because: "") else {
                Issue.record("a person spoke of a saga that has ended")
                return
            }
        }
    }

    @Test func `why a saga turned round is known to its end, whatever happens on the way`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("hotel", undo: true)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            #expect(try await bench.next(id).pause("plan_mismatch: hotel", spent: nil) == .moved)
            #expect(try await bench.queue.saga(id)?.before == .undoing)
            #expect(try await bench.queue.resumeSaga(id, because: "") == .moved)
            #expect(try await bench.queue.saga(id)?.reason == "failed: sold out")
            let store = try await bench.next(id)
            #expect(try await store.beginUndo("hotel") == .go(attempt: 1))
            #expect(try await store.endUndo("hotel", .stuck(error: "bad_address")) == .moved)
            #expect(try await store.end(.stuck, "step hotel cannot be undone: bad_address") == .moved)
            _ = try await settle(bench, store, .dead(cause: Cause("saga_stuck"), error: "bad_address"))
            let stuck = try #require(try await bench.queue.saga(id))
            #expect(stuck.reason.hasPrefix("step hotel") && stuck.whyTurned == "failed: sold out")
            #expect(try await bench.queue.resolveStep("hotel", of: id, .done, because: "by hand") == .moved)
            let last = try await bench.next(id)
            #expect(try await last.end(.compensated, "step hotel cannot be undone: bad_address") == .moved)
            #expect(try await bench.queue.saga(id)?.reason == "failed: sold out")
        }
    }

    @Test func `a step that must not run twice and has failed is unknown, with its error`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let mail = StepBegin("mail", effect: .once)
            _ = try await store.begin(mail)
            for _ in 0..<2 { #expect(try await store.commit("mail", .unknown(error: "smtp down")) == .kept) }
            let record = try await store.begin(mail).record
            #expect(record?.state == .unknown && record?.error == "smtp down")
            #expect(try await store.pause("step_unknown: mail", spent: nil) == .moved)
            #expect(try await bench.queue.resolveStep("mail", of: id, .retry, because: "not sent") == .moved)
            #expect(try await bench.next(id).begin(mail) == .go(attempt: 2, token: nil))
        }
    }
}
