package import PondCore
package import PondQueue
package import PondSaga

/// The sagas of some queues: how many are in each state, and the newest.
package struct SagaListing: Sendable, Hashable, Codable {
    /// Those that want a person first, and in each state the newest.
    package var sagas: [Saga]
    /// How many there are of what was asked for, listed or not.
    package var total: Int
    /// How many are in each state of each queue; those that have ended count for an hour.
    package var counts: [Count]
    /// Redis' clock.
    @Moment package var at: ServerTime?

    private enum CodingKeys: String, CodingKey {
        case total, counts, at
        case sagas = "items"
    }

    /// One saga.
    package struct Saga: Sendable, Hashable, Codable {
        /// Where its job is, the job's id, and what it is.
        package var queue, id, kind: String
        /// Where it is on its way.
        package var state: SagaRecord.State
        /// Since when.
        @Moment package var since: ServerTime?
        /// Why, where there is more to say than the state.
        package var reason: String
        /// The step that is undone or waited for; empty when it is another, or none is known.
        package var step: String

        /// The saga with its queue.
        package var address: String { "\(queue)/\(id)" }
    }

    /// How many sagas of a queue are in one state.
    package struct Count: Sendable, Hashable, Codable {
        /// The queue.
        package var queue: String
        /// The state.
        package var state: SagaRecord.State
        /// How many.
        package var sagas: Int
    }

    /// The states of those that have not ended, what wants a person first.
    package static let unended: [SagaRecord.State] = [.stuck, .paused, .undoing, .waiting, .running]

    /// Reads the sagas of some queues.
    ///
    /// - Parameters:
    ///   - state: only those; nil for all that have not ended.
    ///   - limit: how many at most, up to 500.
    package static func read(_ queues: [Queue], state: SagaRecord.State?, limit: Int) async throws -> SagaListing {
        let states = state.map { [$0] } ?? unended
        var (sagas, counts): ([Saga], [Count]) = ([], [])
        var now = ServerTime(milliseconds: 0)
        for queue in queues {
            now = max(now, try await queue.depth().now)
            let found = try await queue.sagaCounts()
            counts += SagaRecord.State.allCases.compactMap { state in
                found[state].flatMap { $0 > 0 ? Count(queue: queue.name.text, state: state, sagas: $0) : nil }
            }
            guard state != nil else {
                sagas += try await queue.openSagas(atMost: limit).map { Saga($0, of: queue.name) }
                continue
            }
            for state in states where found[state] ?? 0 > 0 {
                sagas += try await queue.sagas(in: state, atMost: limit).map { Saga($0, state, of: queue.name) }
            }
        }
        let total = counts.reduce(0) { states.contains($1.state) ? $0 + $1.sagas : $0 }
        return SagaListing(sagas: Array(sorted(sagas).prefix(limit)), total: total, counts: counts, at: now)
    }

    private static func sorted(_ sagas: [Saga]) -> [Saga] {
        let earliest = ServerTime(milliseconds: 0)
        func rank(_ saga: Saga) -> Int { unended.firstIndex(of: saga.state) ?? unended.count }
        return sagas.sorted { (rank($0), $1.since ?? earliest) < (rank($1), $0.since ?? earliest) }
    }
}

extension SagaListing.Saga {
    fileprivate init(_ line: SagaLine, _ state: SagaRecord.State, of queue: QueueName) {
        self.init(
            queue: queue.text,
            id: line.id.text,
            kind: line.kind,
            state: state,
            since: line.since,
            reason: line.reason,
            step: ""
        )
    }

    fileprivate init(_ saga: OpenSaga, of queue: QueueName) {
        self.init(
            queue: queue.text,
            id: saga.id.text,
            kind: saga.kind,
            state: saga.state,
            since: saga.since,
            reason: saga.reason,
            step: saga.step
        )
    }
}
