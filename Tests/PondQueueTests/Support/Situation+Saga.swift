import PondCore
import PondQueue
import PondSaga
import Testing

extension Situation {
    private static let rest = SagaWait("rest", .sleep, within: .seconds(600))

    /// A saga that did something that can be undone, and has a job in flight.
    private static func began(_ bench: Bench) async throws -> (id: JobID, store: QueueSagaStore) {
        let (id, store) = try await bench.saga()
        try await store.run("a", undo: true)
        return (id, store)
    }

    /// The same, parked.
    private static func parked(_ bench: Bench) async throws -> [JobID] {
        let (id, store) = try await began(bench)
        #expect(try await store.wait([rest], spent: nil) == .parked)
        return [id]
    }

    private static func store(_ bench: Bench, _ id: JobID) async throws -> QueueSagaStore {
        QueueSagaStore(bench.queue, try await bench.receipt(of: id), of: id, as: .ann)
    }

    static let sagas = [
        Situation(name: "park a saga") { bench in
            [try await began(bench).id]
        } act: { bench, ids in
            _ = try await store(bench, ids[0]).wait([rest], spent: nil)
            return []
        },
        Situation(name: "turn a saga") { bench in
            [try await began(bench).id]
        } act: { bench, ids in
            _ = try await store(bench, ids[0]).turn(.failed(cause: .failed, error: "e"), spent: nil)
            return []
        },
        Situation(name: "wake a saga by its time") { bench in
            let ids = try await parked(bench)
            try await bench.redis("ZADD", bench.key("waits"), "XX", "1", ids[0].text)
            return ids
        } act: { bench, _ in
            _ = try await bench.queue.promote(as: .ann)
            return []
        },
        Situation(name: "wake a saga by a signal") { bench in
            let (id, store) = try await began(bench)
            #expect(try await store.wait([SagaWait("g", .signal("go"), within: nil)], spent: nil) == .parked)
            return [id]
        } act: { bench, ids in
            _ = try await bench.queue.signal("go", to: ids[0])
            return []
        },
        Situation(name: "cancel a saga that waits") { bench in
            try await parked(bench)
        } act: { bench, ids in
            _ = try await bench.queue.cancel(ids[0])
            return []
        },
        Situation(name: "pause a saga and resume it") { bench in
            try await parked(bench)
        } act: { bench, ids in
            _ = try await bench.queue.pauseSaga(ids[0], because: "look")
            _ = try await bench.queue.resumeSaga(ids[0], because: "looked")
            return []
        },
    ]
}
