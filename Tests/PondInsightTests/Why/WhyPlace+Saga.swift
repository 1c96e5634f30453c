import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

extension WhyPlace {
    /// Has the next job, and gives it with its saga's memory.
    func next(as consumer: Consumer = Consumer("ann")) async throws -> QueueSagaStore {
        _ = try await queue.beat(as: consumer, about: #"{"lease_ms":600000,"slots":4}"#)
        let delivery = try #require(try await queue.fetch(as: consumer, atMost: 1).deliveries.first)
        return QueueSagaStore(queue, delivery.receipt, of: try delivery.job.get().id, as: consumer)
    }

    /// A job that somebody has, and its saga's memory.
    func saga() async throws -> (id: JobID, store: QueueSagaStore) {
        let id = try await add()
        return (id, try await next())
    }

    /// A saga with such a step that is stuck: the step's undo has failed for good.
    func stuckSaga(_ step: String) async throws -> JobID {
        let (id, store) = try await saga()
        try await store.finish(step, undo: true)
        #expect(try await store.turn(.failed(cause: .failed, error: "card refused"), spent: nil) == .moved)
        let after = try await next()
        #expect(try await after.beginUndo(step) == .go(attempt: 1))
        #expect(try await after.endUndo(step, .stuck(error: "HTTP 410\nbody")) == .moved)
        #expect(try await after.end(.stuck, "\(step): HTTP 410") == .moved)
        let outcome = Outcome.dead(cause: Cause("saga_stuck"), error: "\(step): HTTP 410")
        let settlement = Settlement(receipt: after.receipt, id: id, outcome: outcome, isSaga: true)
        #expect(try await queue.settle([settlement], as: Consumer("ann")).first == .dead(cause: "saga_stuck"))
        return id
    }

    /// A saga whose worker died in such a step, which must not be run twice.
    func unknownStep(_ step: String) async throws -> JobID {
        let (id, store) = try await saga()
        let begin = StepBegin(step, effect: .once)
        #expect(try await store.begin(begin) == .go(attempt: 1, token: nil))
        _ = try await pond.redis.send(RedisCommand("ZADD", .text(queue.keys.beats), 1, "ann"))
        #expect(try await queue.reclaim(from: Consumer("ann"), by: Consumer("bob")).moved == 1)
        let after = try await next(as: Consumer("bob"))
        guard case .known(let record) = try await after.begin(begin), record.state == .unknown else {
            throw NotReached(text: "step \(step) is known")
        }
        #expect(try await after.pause("step_unknown: \(step)", spent: nil) == .moved)
        return id
    }
}

extension QueueSagaStore {
    /// Begins a step and ends it well.
    func finish(_ name: String, _ result: String = "1", undo: Bool = false) async throws {
        #expect(try await begin(StepBegin(name, hasUndo: undo)) == .go(attempt: 1, token: nil))
        #expect(try await commit(name, .done(result: Array(result.utf8))) == .kept)
    }
}
