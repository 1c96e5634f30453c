import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// How a saga turns round, and what is undone in which order.
@Suite(.redis) struct SagaUndoTests {
    private let failed = SagaTurn.failed(cause: .failed, error: "card declined")

    /// A saga that did `a`, began `b` and did `c`, all of which can be undone.
    private func began(
        _ bench: Bench,
        _ options: EnqueueOptions = EnqueueOptions()
    ) async throws
        -> (id: JobID, store: QueueSagaStore)
    {
        let (id, store) = try await bench.saga(options)
        try await store.run("a", undo: true)
        _ = try await store.begin(StepBegin("b", hasUndo: true))
        try await store.run("c", undo: true)
        return (id, store)
    }

    /// Undoes all three and ends the saga.
    private func undoAll(_ bench: Bench, _ id: JobID, as end: SagaRecord.State, _ outcome: Outcome) async throws {
        let delivery = try await bench.fetchOne()
        let store = bench.store(delivery)
        #expect(delivery.id == id)
        #expect(try delivery.job.get().phase == .undo)
        for name in ["c", "b", "a"] { try await store.undo(name) }
        #expect(try await store.end(end, "") == .moved)
        try await bench.settle(delivery, outcome)
        #expect(try await bench.queue.saga(id)?.state == end)
    }

    @Test func `a saga that failed comes back to undo, newest first`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await began(bench)
            #expect(try await store.turn(failed, spent: nil) == .moved)
            #expect(try await store.commit("b", .done(result: [])) == .lost)
            #expect(try await bench.queue.saga(id)?.reason == "failed: card declined")
            try await undoAll(bench, id, as: .compensated, .compensated)
            try await bench.expect(id, endedAs: "compensated")
            #expect(try await bench.queue.saga(id)?.reason == "failed: card declined")
        }
    }

    @Test func `undos run one after the other, and none is left out`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await began(bench)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let store = try await bench.next(id)
            #expect(try await store.begin(StepBegin("more")) == .undoing)
            #expect(try await store.end(.compensated, "") == .refused("step \"c\" is not undone"))
            #expect(try await store.beginUndo("c") == .go(attempt: 1))
            await #expect(throws: QueueError.self) { try await store.beginUndo("b") }
            #expect(try await store.endUndo("c", .retry(error: "net")) == .moved)
            #expect(try await store.beginUndo("c") == .go(attempt: 2))
            #expect(try await store.endUndo("c", .done) == .moved)
            #expect(try await store.beginUndo("c") == .over)
            try await store.undo("a")
            // An older one was undone already: the order would be wrong.
            await #expect(throws: QueueError.self) { try await store.beginUndo("b") }
        }
    }

    @Test func `what has nothing to undo does not turn, nor what is behind its pivot`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            #expect(try await store.turn(failed, spent: nil) == .refused("nothing to undo"))
            try await store.run("a")
            #expect(try await store.turn(failed, spent: nil) == .refused("nothing to undo"))
            try await store.run("b", undo: true)
            try await store.run("c", pivot: true)
            #expect(try await store.turn(failed, spent: nil) == .refused("pivot c"))
            #expect(try await store.turn(.cancelled("by hand"), spent: nil) == .refused("pivot c"))
        }
    }

    @Test func `cancelling a saga that runs turns it at once, and what ends late is kept and undone`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await began(bench)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await store.begin(StepBegin("more", hasUndo: true)) == .undoing)
            #expect(try await store.commit("b", .done(result: [5])) == .late)
            // Its handler came to the end before it heard of it.
            let settlement = Settlement(receipt: store.receipt, id: id, outcome: .done, isSaga: true)
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.released])
            let record = try #require(try await bench.queue.saga(id))
            #expect(record["b"]?.isLate == true && record["b"]?.result == [5] && record.turn == .cancelled)
            // Once more changes nothing.
            #expect(try await bench.queue.cancel(id) == .cancelling)
            try await undoAll(bench, id, as: .cancelled, .cancelled)
            try await bench.expect(id, endedAs: "cancelled")
        }
    }

    @Test func `cancelling a saga that waits turns it, or ends it when it did nothing`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await began(bench, try .once("k"))
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            try await bench.expect(id, in: .ready(.front))
            try await undoAll(bench, id, as: .cancelled, .cancelled)
            #expect(try await bench.queue.record(of: try IdempotencyKey("k")) == nil)
            let (other, idle) = try await bench.saga()
            #expect(try await idle.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            #expect(try await bench.queue.cancel(other) == .cancelled)
            try await bench.expect(other, endedAs: "cancelled")
            #expect(try await bench.queue.saga(other)?.state == .cancelled)
        }
    }

    @Test func `a wait of a saga that was cancelled turns it`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await began(bench)
            #expect(try await bench.queue.cancel(id) == .cancelling)
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .undoing)
            #expect(try await store.turn(failed, spent: nil) == .moved)
            #expect(try await bench.queue.saga(id)?.turn == .cancelled)
            try await undoAll(bench, id, as: .cancelled, .cancelled)
        }
    }

    @Test func `a saga whose worker died while it was cancelled turns, and so does one that is poison`() async throws {
        try await Bench.run { bench in
            let (id, _) = try await began(bench)
            _ = try await bench.queue.cancel(id)
            try await bench.reclaimAll(from: .ann)
            try await undoAll(bench, id, as: .cancelled, .cancelled)
            let (poison, _) = try await began(bench)
            try await bench.reclaimAll(from: .ann)
            for _ in 1..<Limits.recoveriesMax {
                _ = try await bench.fetchAndStart()
                try await bench.reclaimAll(from: .ann)
            }
            try await undoAll(bench, poison, as: .compensated, .compensated)
        }
    }

    @Test func `the end of a job that would be dead, expired or cancelled turns its saga`() async throws {
        try await Bench.run { bench in
            let ends: [(Outcome, SagaRecord.State)] = [
                (.dead(cause: .failed, error: "e"), .compensated), (.cancelled, .cancelled), (.expired, .cancelled),
            ]
            for (outcome, end) in ends {
                let (id, store) = try await began(bench)
                let settlement = Settlement(receipt: store.receipt, id: id, outcome: outcome)
                #expect(try await bench.queue.settle([settlement], as: .ann) == [.released])
                try await undoAll(bench, id, as: end, end == .compensated ? .compensated : .cancelled)
            }
        }
    }

    @Test func `the deadline of a saga that waits turns it`() async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions()
            options.expires = ServerTime(milliseconds: try await bench.now() + 150)
            let (id, store) = try await began(bench, options)
            #expect(try await store.wait([SagaWait("t", .sleep, within: .seconds(600))], spent: nil) == .parked)
            let (_, job) = try await bench.woken(id)
            #expect(job.phase == .undo && job.expires == nil)
            #expect(try await bench.queue.saga(id)?.reason == "deadline")
        }
    }

    @Test func `a saga whose undo failed for good is stuck and dead, and forgotten with its job`() async throws {
        try await Bench.run { bench in
            let (id, first) = try await began(bench)
            #expect(try await first.turn(failed, spent: nil) == .moved)
            let delivery = try await bench.fetchOne()
            let store = bench.store(delivery)
            #expect(try await store.beginUndo("c") == .go(attempt: 1))
            #expect(try await store.endUndo("c", .stuck(error: "gone")) == .moved)
            #expect(try await store.end(.stuck, "c: gone") == .moved)
            try await bench.settle(delivery, .dead(cause: Cause("saga_stuck"), error: "c: gone"))
            try await bench.expect(id, in: .dead)
            #expect(try await bench.queue.saga(id)?.state == .stuck)
            #expect(try await bench.redis("PTTL", bench.key("saga:\(id.text)")).int == -1)
            _ = try await bench.queue.discard([id])
            #expect(try await bench.queue.saga(id)?.state == .abandoned)
        }
    }

    @Test func `a dead job whose saga had nothing to undo has failed, and its memory stays with it`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a")
            let settlement = Settlement(receipt: store.receipt, id: id, outcome: .dead(cause: .failed, error: "e"))
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.dead(cause: "failed")])
            #expect(try await bench.queue.saga(id)?.state == .failed)
            #expect(try await bench.redis("PTTL", bench.key("saga:\(id.text)")).int == -1)
            _ = try await bench.queue.discard([id])
            #expect(try await bench.queue.saga(id)?.state == .abandoned)
        }
    }
}
