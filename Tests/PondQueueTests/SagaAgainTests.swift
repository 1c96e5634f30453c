import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// What runs again of a saga that somebody lets go on, and what does not.
@Suite(.redis) struct SagaAgainTests {
    private func die(_ bench: Bench, _ store: QueueSagaStore, _ cause: Cause, _ error: String) async throws {
        let outcome = Outcome.dead(cause: cause, error: error)
        let settlement = Settlement(receipt: store.receipt, id: store.id, outcome: outcome, isSaga: true)
        #expect(try await bench.queue.settle([settlement], as: .ann) == [.dead(cause: cause.name)])
    }

    private func fail(_ store: QueueSagaStore, _ name: String, _ error: String, isCertain: Bool = true) async throws {
        _ = try await store.begin(StepBegin(name))
        #expect(try await store.commit(name, .failed(error: "failed: \(error)", isCertain: isCertain)) == .kept)
    }

    private func states(_ bench: Bench, _ id: JobID) async throws -> [String: StepRecord.State] {
        let steps = try await bench.queue.saga(id)?.steps ?? []
        return Dictionary(uniqueKeysWithValues: steps.map { ($0.name, $0.state) })
    }

    /// A saga that took B because A had failed, and died of C.
    private func died(_ bench: Bench) async throws -> JobID {
        let (id, store) = try await bench.saga()
        try await fail(store, "A", "no room")
        try await store.run("B")
        try await fail(store, "C", "no card")
        try await die(bench, store, .failed, "no card")
        return id
    }

    @Test func `a failure that the handler went past is not tried again with the one that it died of`() async throws {
        try await Bench.run { bench in
            let id = try await died(bench)
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await states(bench, id) == ["A": .failed, "B": .done, "C": .running])
        }
        try await Bench.run { bench in
            let other = try await died(bench)
            #expect(try await bench.queue.resolveStep("C", of: other, .done, because: "paid") == .moved)
            #expect(try await states(bench, other) == ["A": .failed, "B": .done, "C": .done])
        }
    }

    @Test func `steps that failed beside each other are tried again together`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("A"))
            _ = try await store.begin(StepBegin("B"))
            #expect(try await store.commit("A", .failed(error: "failed: a", isCertain: true)) == .kept)
            #expect(try await store.commit("B", .failed(error: "failed: b", isCertain: true)) == .kept)
            try await die(bench, store, .failed, "a")
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await states(bench, id) == ["A": .running, "B": .running])
        }
    }

    @Test func `a wait that was over badly stays so where the handler went past it`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let wait = SagaWait("pay", .signal("paid"), within: .milliseconds(1))
            guard case .parked = try await store.wait([wait], spent: nil) else { return }
            let (after, _) = try await bench.woken(id)
            #expect(try await after.wait([wait], spent: nil).record?.state == .failed)
            try await fail(after, "C", "no card")
            try await die(bench, after, .failed, "no card")
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await states(bench, id) == ["pay": .failed, "C": .running])
        }
    }

    @Test func `what must not run twice and may have happened is asked about instead of tried again`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("mail", effect: .once))
            #expect(try await store.commit("mail", .failed(error: "result: too long", isCertain: false)) == .kept)
            try await die(bench, store, Cause("result"), "too long")
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await states(bench, id) == ["mail": .unknown])
        }
    }

    @Test func `a saga that goes forward only tries again what it failed of when it is resumed`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("pay", undo: true, pivot: true)
            try await fail(store, "letter", "no address")
            let failed = SagaTurn.failed(cause: .failed, error: "no address")
            #expect(try await store.turn(failed, spent: nil) == .refused("pivot pay"))
            #expect(try await store.pause("forward_only: failed: no address", spent: nil) == .moved)
            #expect(try await bench.queue.resumeSaga(id, because: "mended") == .moved)
            #expect(try await bench.next(id).begin(StepBegin("letter")) == .go(attempt: 2, token: nil))
        }
    }

    @Test func `what a replay with new keys has from the old saga keeps the key that it ran with`() async throws {
        try await Bench.run { bench in
            let (first, store) = try await bench.saga()
            try await store.run("a", undo: true)
            #expect(try await store.pause("look", spent: nil) == .moved)
            var id = first
            for name in ["b", "c"] {
                let answer = try await bench.queue.fork(id, from: nil, keys: .new, because: "")
                guard case .enqueued(let replay) = answer else {
                    Issue.record("a saga that is paused was not replayed")
                    return
                }
                let next = try await bench.next(replay)
                try await next.run(name, undo: true)
                let record = try #require(try await next.read())
                #expect(record.keyBase == nil && record["a"]?.keyBase == first.text && record[name]?.keyBase == nil)
                #expect(try await next.pause("look", spent: nil) == .moved)
                id = replay
            }
            #expect(try await bench.queue.saga(id)?["b"]?.keyBase != nil)
        }
    }

    @Test func `a paused saga that was replayed is ended without an undo, because its replay has what it did`()
        async throws
    {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            #expect(try await store.pause("look", spent: nil) == .moved)
            _ = try await bench.queue.fork(id, from: nil, keys: .same, because: "mended")
            let replay = bench.store(try await bench.fetchOne())
            #expect(try await bench.queue.cancel(id) == .cancelled)
            let record = try #require(try await bench.queue.saga(id))
            #expect(record.state == .abandoned && record.reason.hasPrefix("replayed as \(replay.id)"))
            try await bench.expect(id, endedAs: "cancelled")
            #expect(try await bench.fetch().isEmpty)
            // The other one undoes it once, when it has to.
            #expect(try await replay.turn(.failed(cause: .failed, error: "no"), spent: nil) == .moved)
            try await bench.next(replay.id).undo("a")
        }
    }

    @Test(arguments: [true, false]) func `a pause is kept when the step that runs fails for good`(
        isAsked: Bool
    ) async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            _ = try await store.begin(StepBegin("b"))
            #expect(try await bench.queue.pauseSaga(id, because: "look") == .moved)
            #expect(try await store.commit("b", .failed(error: "failed: no", isCertain: true)) == .kept)
            let failed = SagaTurn.failed(cause: .failed, error: "no")
            if isAsked {
                #expect(try await store.turn(failed, spent: nil) == .refused("paused"))
                #expect(try await store.pause("", spent: nil) == .moved)
            } else {
                // As a worker of an older version does.
                let outcome = Outcome.dead(cause: .failed, error: "no")
                let settlement = Settlement(receipt: store.receipt, id: id, outcome: outcome, isSaga: true)
                #expect(try await bench.queue.settle([settlement], as: .ann) == [.released])
            }
            try await bench.expect(id, in: .waiting)
            let paused = try #require(try await bench.queue.saga(id))
            #expect(paused.state == .paused && paused.reason == "look" && paused["a"]?.undo == .armed)
            #expect(try await bench.queue.resumeSaga(id, because: "seen") == .moved)
            #expect(try await bench.next(id).turn(failed, spent: nil) == .moved)
        }
    }
}
