import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

extension Bench {
    /// The memory of a saga, on behalf of one delivery.
    func store(_ delivery: Delivery, as consumer: Consumer = .ann) -> QueueSagaStore {
        QueueSagaStore(queue, delivery.receipt, of: delivery.id, as: consumer)
    }

    /// Adds a job, fetches it, and gives it with its memory.
    func saga(_ options: EnqueueOptions = EnqueueOptions()) async throws -> (id: JobID, store: QueueSagaStore) {
        let id = try await add("a.b", "{}", options)
        return (id, store(try await fetchOne()))
    }

    /// The next delivery's memory; expects that it is of this job.
    func next(
        _ id: JobID,
        as consumer: Consumer = .ann,
        at location: SourceLocation = #_sourceLocation
    ) async throws
        -> QueueSagaStore
    {
        let delivery = try await fetchOne(as: consumer, at: location)
        #expect(delivery.id == id, sourceLocation: location)
        return store(delivery, as: consumer)
    }

    /// Polls until the saga's time has come and somebody has it.
    func woken(_ id: JobID, at location: SourceLocation = #_sourceLocation) async throws -> (QueueSagaStore, Job) {
        var woken: Delivery?
        let isWoken = try await Waiting.until { [self] in
            woken = try await fetch(as: .ann, 1).first
            return woken != nil
        }
        let delivery = try #require(isWoken ? woken : nil, "saga \(id) was not woken", sourceLocation: location)
        #expect(delivery.id == id, sourceLocation: location)
        return (store(delivery), try delivery.job.get())
    }

    /// Parks a job for ten minutes.
    func park(_ delivery: Delivery) async throws -> WaitAnswer {
        try await store(delivery).wait([SagaWait("rest", .sleep, within: .seconds(600))], spent: nil)
    }
}

extension QueueSagaStore {
    /// Begins a step and ends it well.
    func run(_ name: String, _ result: String = "1", undo: Bool = false, pivot: Bool = false) async throws {
        let answer = try await begin(StepBegin(name, hasUndo: undo, isPivot: pivot))
        #expect(answer == .go(attempt: 1, token: nil), "step \(name)")
        #expect(try await commit(name, .done(result: Array(result.utf8))) == .kept, "step \(name)")
    }

    /// Undoes a step well.
    func undo(_ name: String) async throws {
        #expect(try await beginUndo(name) == .go(attempt: 1), "step \(name)")
        #expect(try await endUndo(name, .done) == .moved, "step \(name)")
    }
}

extension StepAnswer {
    /// What is known of the step; nil for any other answer.
    var record: StepRecord? { if case .known(let record) = self { record } else { nil } }
}

extension WaitAnswer {
    /// The step whose wait is over; nil for any other answer.
    var record: StepRecord? { if case .over(let record) = self { record } else { nil } }
}
