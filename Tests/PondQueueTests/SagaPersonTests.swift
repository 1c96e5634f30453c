import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// What people do to sagas: say what became of a step, send one back, replay one.
@Suite(.redis) struct SagaPersonTests {
    private func settle(_ bench: Bench, _ store: QueueSagaStore, _ outcome: Outcome) async throws -> SettleAnswer? {
        let settlement = Settlement(receipt: store.receipt, id: store.id, outcome: outcome, isSaga: true)
        return try await bench.queue.settle([settlement], as: .ann).first
    }

    private let failed = SagaTurn.failed(cause: .failed, error: "e")

    @Test func `a person says what became of a step that nobody knows of`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let pay = StepBegin("pay", effect: .once)
            _ = try await store.begin(pay)
            try await bench.reclaimAll(from: .ann)
            let after = try await bench.next(id)
            #expect(try await after.begin(pay).record?.state == .unknown)
            #expect(try await after.pause("step_unknown: pay", spent: nil) == .moved)
            try await bench.expect(id, in: .waiting)
            let queue = bench.queue
            #expect(try await queue.resolveStep("no", of: id, .done, because: "") == .unknown)
            #expect(try await queue.resolveStep("pay", of: id, .done, because: "saw it", result: [7]) == .moved)
            let last = try await bench.next(id)
            #expect(try await last.begin(pay).record?.result == [7])
            guard case .refused = try await queue.resolveStep("pay", of: id, .retry, because: "") else {
                Issue.record("a step that is done was asked about")
                return
            }
        }
    }

    @Test(arguments: [PersonWord.done, .retry, .abandon])
    func `a step that had surely not happened is to be undone once a person says that it has, or runs again`(
        word: PersonWord
    ) async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("pay", hasUndo: true))
            #expect(try await store.commit("pay", .failed(error: "declined", isCertain: true)) == .kept)
            #expect(try await bench.queue.saga(id)?["pay"]?.undo == .skipped)
            #expect(try await bench.queue.resolveStep("pay", of: id, word, because: "looked") == .moved)
            #expect(try await bench.queue.saga(id)?["pay"]?.undo == (word == .abandon ? .skipped : .armed))
            guard word == .retry else { return }
            // No try of it may have happened, so the next one that is certain needs no undo either.
            #expect(try await store.begin(StepBegin("pay", hasUndo: true)) == .go(attempt: 2, token: nil))
            #expect(try await store.commit("pay", .failed(error: "declined", isCertain: true)) == .kept)
            #expect(try await bench.queue.saga(id)?["pay"]?.undo == .skipped)
        }
    }

    @Test func `an undo that failed for good is tried again, or let be`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("a", undo: true)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            for word in [PersonWord.retry, .abandon] {
                let store = try await bench.next(id)
                #expect(try await store.beginUndo("a") == .go(attempt: 1))
                #expect(try await store.endUndo("a", .stuck(error: "gone")) == .moved)
                #expect(try await store.end(.stuck, "a: gone") == .moved)
                _ = try await settle(bench, store, .dead(cause: Cause("saga_stuck"), error: "a: gone"))
                #expect(try await bench.queue.resolveStep("a", of: id, word, because: "looked") == .moved)
                #expect(try await bench.queue.saga(id)?.state == .undoing)
            }
            let store = try await bench.next(id)
            #expect(try await store.beginUndo("a") == .over)
            #expect(try await store.end(.compensated, "") == .moved)
            #expect(try await settle(bench, store, .compensated) == .compensated)
            #expect(try await bench.queue.saga(id)?["a"]?.undo == .abandoned)
        }
    }

    @Test func `a saga whose failed undo is tried again undoes no step that surely never ran`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("a", undo: true)
            _ = try await first.begin(StepBegin("b", hasUndo: true))
            #expect(try await first.commit("b", .failed(error: "no", isCertain: true)) == .kept)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let second = try await bench.next(id)
            #expect(try await second.beginUndo("a") == .go(attempt: 1))
            #expect(try await second.endUndo("a", .stuck(error: "gone")) == .moved)
            #expect(try await second.end(.stuck, "a: gone") == .moved)
            _ = try await settle(bench, second, .dead(cause: Cause("saga_stuck"), error: "a: gone"))
            #expect(try await bench.queue.resolveStep("a", of: id, .retry, because: "looked") == .moved)
            let last = try await bench.next(id)
            #expect(try await last.read()?.toUndo.map(\.name) == ["a"])
            try await last.undo("a")
            #expect(try await last.end(.compensated, "") == .moved)
        }
    }

    @Test func `a stuck saga whose worker died before its job was dead goes on when a person says so`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("a", undo: true)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let second = try await bench.next(id)
            #expect(try await second.beginUndo("a") == .go(attempt: 1))
            #expect(try await second.endUndo("a", .stuck(error: "gone")) == .moved)
            #expect(try await second.end(.stuck, "a: gone") == .moved)
            try await bench.reclaimAll(from: .ann)
            #expect(try await bench.queue.resolveStep("a", of: id, .retry, because: "looked") == .moved)
            #expect(try await bench.queue.saga(id)?.state == .undoing)
            let last = try await bench.next(id)
            try await last.undo("a")
            #expect(try await last.end(.compensated, "") == .moved)
        }
    }

    @Test func `a signal that the handler cannot read is waited for anew, or replaced`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            let signal = SagaWait("go", .signal("go"), within: nil)
            let mismatch = "plan_mismatch: go: its result does not decode as String"
            #expect(try await first.wait([signal], spent: nil) == .parked)
            #expect(try await bench.queue.signal("go", to: id, [1]) == .resolved)
            let second = try await bench.next(id)
            guard case .refused = try await bench.queue.resolveStep("go", of: id, .retry, because: "") else {
                Issue.record("a signal was taken back that nobody has refused")
                return
            }
            #expect(try await second.pause(mismatch, spent: nil) == .moved)
            #expect(try await bench.queue.resolveStep("go", of: id, .retry, because: "typo") == .moved)
            let third = try await bench.next(id)
            #expect(try await third.wait([signal], spent: nil) == .parked)
            #expect(try await bench.queue.signal("go", to: id, [2]) == .resolved)
            #expect(try await bench.next(id).pause(mismatch, spent: nil) == .moved)
            #expect(try await bench.queue.resolveStep("go", of: id, .done, because: "typo", result: [3]) == .moved)
            #expect(try await bench.next(id).read()?["go"]?.result == [3])
        }
    }

    @Test(arguments: [PersonWord.done, .abandon])
    func `an undo that the handler does not come by any more is answered for by a person`(word: PersonWord) async throws
    {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("old", undo: true)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            #expect(try await bench.next(id).pause("plan_mismatch: old", spent: nil) == .moved)
            #expect(try await bench.queue.resolveStep("old", of: id, word, because: "by hand") == .moved)
            let last = try await bench.next(id)
            #expect(try await last.end(.compensated, "") == .moved)
            #expect(try await settle(bench, last, .compensated) == .compensated)
            #expect(try await bench.queue.saga(id)?["old"]?.undo == (word == .done ? .done : .abandoned))
        }
    }

    @Test func `a dead job that is sent back tries its failed step again`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a")
            _ = try await store.begin(StepBegin("b"))
            #expect(try await store.commit("b", .failed(error: "e", isCertain: false)) == .kept)
            #expect(try await settle(bench, store, .dead(cause: .failed, error: "e")) == .dead(cause: "failed"))
            _ = try await bench.queue.revive([id])
            let after = try await bench.next(id)
            #expect(try await after.read()?.state == .running)
            #expect(try await after.begin(StepBegin("a")).record?.state == .done)
            #expect(try await after.begin(StepBegin("b")) == .go(attempt: 2, token: nil))
        }
    }

    @Test func `a replay shares what was done before a step, with the same keys`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", "A")
            try await store.run("b", "B")
            guard case .refused = try await bench.queue.fork(id, from: "b", keys: .same, because: "bug") else {
                Issue.record("a saga that runs was replayed")
                return
            }
            #expect(try await store.end(.done, "") == .moved)
            #expect(try await settle(bench, store, .done) == .done)
            let answer = try await bench.queue.fork(id, from: "b", keys: .same, because: "bug")
            let delivery = try await bench.fetchOne()
            #expect(answer == .enqueued(delivery.id))
            #expect(try delivery.job.get().isSaga && delivery.job.get().causationID == id.text)
            let record = try #require(try await bench.store(delivery).read())
            #expect(record.steps.map(\.name) == ["a"] && record.keyBase == id.text)
            #expect(record["a"]?.result == Array("A".utf8))
            #expect(try await bench.store(delivery).begin(StepBegin("b")) == .go(attempt: 1, token: nil))
            #expect(
                try await bench.queue.fork(id, from: "x", keys: .new, because: "") == .refused("it has no step \"x\"")
            )
            #expect(try await bench.queue.fork(JobID("1-1"), from: nil, keys: .new, because: "") == .unknown)
        }
    }

    @Test func `a replay goes past a failure as its saga did, and runs anew the one that it ended with`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            for name in ["a", "b", "c"] {
                _ = try await store.begin(StepBegin(name, hasUndo: name == "a"))
                let failure = StepEnd.failed(error: "no_cover: none", isCertain: true)
                #expect(try await store.commit(name, name == "b" ? .done(result: []) : failure) == .kept)
            }
            #expect(try await settle(bench, store, .dead(cause: .failed, error: "")) == .dead(cause: "failed"))
            guard case .enqueued = try await bench.queue.fork(id, from: nil, keys: .same, because: "mended") else {
                Issue.record("a saga that failed was not replayed")
                return
            }
            let record = try #require(try await bench.store(try await bench.fetchOne()).read())
            #expect(record.steps.map(\.name) == ["a", "b"] && record["a"]?.state == .failed)
        }
    }

    @Test func `a replay never shares what was undone`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await bench.saga()
            try await first.run("a", undo: true)
            try await first.run("b")
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let store = try await bench.next(id)
            try await store.undo("a")
            #expect(try await store.end(.compensated, "") == .moved)
            #expect(try await settle(bench, store, .compensated) == .compensated)
            guard case .refused(let text) = try await bench.queue.fork(id, from: "b", keys: .same, because: "") else {
                Issue.record("a step that was undone was shared")
                return
            }
            #expect(text.contains("\"a\" was undone"))
            _ = try await bench.queue.fork(id, from: nil, keys: .new, because: "again", payload: Array("{}".utf8))
            let delivery = try await bench.fetchOne()
            let record = try #require(try await bench.store(delivery).read())
            #expect(record.steps.map(\.name) == ["b"] && record.keyBase == nil)
        }
    }

    @Test func `purging takes sagas back, and leaves those that undo`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            #expect(try await settle(bench, store, .released) == .released)
            #expect(try await bench.queue.purge(.ready).count == 1)
            #expect(try await bench.queue.purge(.ready) == (0, false))
            let undoing = try await bench.next(id)
            try await undoing.undo("a")
            #expect(try await undoing.end(.cancelled, "") == .moved)
        }
    }

    @Test func `a queue is not deleted while a saga waits, and takes what it remembers with it`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            #expect(try await bench.queue.delete() == .waiting)
            #expect(try await bench.queue.cancel(id) == .cancelled)
            #expect(try await bench.queue.delete() == .deleted)
            let left = try await bench.redis("KEYS", "\(bench.queue.keys.base):*").array ?? []
            #expect(left.allSatisfy { $0.string?.contains(":slo:") == true }, "\(left)")
        }
    }
}
