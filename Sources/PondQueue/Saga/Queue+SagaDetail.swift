package import PondCore
import PondRedis
package import PondSaga

/// A saga with what people ask for beside its record.
package struct SagaDetail: Sendable, Hashable {
    /// What is remembered.
    package var record: SagaRecord
    /// What its job is.
    package var kind: String
    /// How often it has waited without a slot.
    package var parks: Int
    /// The saga that it replays.
    package var forkedFrom: JobID?
    /// The first step that the replay runs.
    package var forkStep: String?
    /// The replay that was made of it last.
    package var forkedTo: JobID?
    /// Which signals its open waits are for, by the step's name.
    package var signals: [String: String]

    /// A record, and what else is known.
    package init(
        _ record: SagaRecord,
        kind: String = "",
        parks: Int = 0,
        forkedFrom: JobID? = nil,
        forkStep: String? = nil,
        forkedTo: JobID? = nil,
        signals: [String: String] = [:]
    ) {
        (self.record, self.kind, self.parks, self.signals) = (record, kind, parks, signals)
        (self.forkedFrom, self.forkStep, self.forkedTo) = (forkedFrom, forkStep, forkedTo)
    }
}

/// How far a fan-out is.
package struct SagaJoin: Sendable, Hashable {
    /// How many children it has.
    package var total: Int
    /// How many were started, ended well, and ended otherwise.
    package var started, succeeded, failed: Int
    /// When it is over: `all`, `first`, `best_effort` or a number.
    package var policy: String

    /// - Parameter policy: when it is over.
    package init(total: Int, started: Int, succeeded: Int, failed: Int, policy: String) {
        (self.total, self.started, self.policy) = (total, started, policy)
        (self.succeeded, self.failed) = (succeeded, failed)
    }
}

extension Queue {
    /// A saga as a person asks for it; nil for a job that is none.
    package func sagaDetail(_ id: JobID, withResults: Bool = true) async throws(QueueError) -> SagaDetail? {
        guard let saga = try await sagaPages(id, withResults: withResults) else { return nil }
        let facts = saga.facts
        var detail = SagaDetail(
            saga.record,
            kind: facts["kind"] ?? "",
            parks: facts["parks"].flatMap { Int($0) } ?? 0
        )
        detail.forkedFrom = facts["forked_from"].map { JobID($0) }
        detail.forkStep = facts["fork_step"]
        detail.forkedTo = facts["forked_to"].map { JobID($0) }
        detail.signals = saga.signals
        return detail
    }

    /// How far a fan-out of a saga is; nil when there is none of that name.
    package func join(of step: String, in id: JobID) async throws(QueueError) -> SagaJoin? {
        let key = "\(keys.base):join:\(id.text):\(step)"
        let reply = try await pond.run(
            RedisCommand("HMGET", .text(key), "total", "next", "ok", "bad", "policy"),
            doing: "reading a fan-out of \(name)"
        )
        guard let values = reply.array, values.count == 5, let total = values[0].string.flatMap({ Int($0) }) else {
            return nil
        }
        func number(_ index: Int) -> Int { values[index].string.flatMap { Int($0) } ?? 0 }
        return SagaJoin(
            total: total,
            started: number(1),
            succeeded: number(2),
            failed: number(3),
            policy: values[4].string ?? "all"
        )
    }

    /// Why nobody waits for a child of a saga any more, as `is compensated`; nil when somebody does.
    package func endOfParent(_ id: JobID, waitingIn step: String) async throws(QueueError) -> String? {
        let (saga, join) = ("\(keys.base):saga:\(id.text)", "\(keys.base):join:\(id.text):\(step)")
        let head = try await pond.run(
            RedisCommand("HMGET", .text(saga), "state", "before"),
            doing: "reading a parent in \(name)"
        )
        guard let words = head.array, words.count == 2,
            let state = words[0].string.flatMap({ SagaRecord.State(rawValue: $0) })
        else { return "has ended" }
        if state.isFinal || state == .undoing || state == .stuck { return "is \(state.rawValue)" }
        if state == .paused, words[1].string == SagaRecord.State.undoing.rawValue { return "has turned round" }
        let closed = try await pond.run(
            RedisCommand("HGET", .text(join), "closed"),
            doing: "reading a fan-out of \(name)"
        )
        return closed.string == nil ? nil : "waits for step \(step) no more"
    }

    /// The children of a fan-out that were started and have not ended, of the first ones.
    ///
    /// - Parameters:
    ///   - looked: at how many of the children is looked.
    ///   - limit: how many at most.
    package func openChildren(
        of step: String,
        in id: JobID,
        among looked: Int = 256,
        atMost limit: Int
    ) async throws(QueueError) -> [JobID] {
        let key = "\(keys.base):join:\(id.text):\(step)"
        let names = (0..<looked).flatMap { ["c:\($0)", "r:\($0)"] }
        let reply = try await pond.run(
            RedisCommand("HMGET", [.text(key)] + names.map { .text($0) }),
            doing: "reading the children of a fan-out of \(name)"
        )
        let values = reply.array ?? []
        let open = stride(from: 0, to: values.count - 1, by: 2).lazy.compactMap { place in
            values[place + 1].string == nil ? values[place].string.map { JobID($0) } : nil
        }
        return Array(open.prefix(limit))
    }
}
