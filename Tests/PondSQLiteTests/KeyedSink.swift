import PondCore
import PondTestKit
import Synchronization

/// Queues in memory that take each key once, as those in Redis do, and can be told to turn jobs away.
final class KeyedSink: JobSink {
    struct Shipped: Sendable, Hashable {
        let queue: String
        let kind: String
        let text: String
        let key: String
    }

    private struct State {
        var taken: [Shipped] = []
        var keys: Set<String> = []
        var calls = 0
        var repeats = 0
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    /// The answer to a job, nil when it is taken; may throw.
    private let rule: @Sendable (NewJob, String) throws -> ShipAnswer?

    init(_ rule: @escaping @Sendable (NewJob, String) throws -> ShipAnswer? = { _, _ in nil }) {
        self.rule = rule
    }

    var taken: [Shipped] { state.withLock { $0.taken } }
    var calls: Int { state.withLock { $0.calls } }
    /// How many jobs came whose key was there already.
    var repeats: Int { state.withLock { $0.repeats } }

    func texts(_ queue: String) -> [String] { taken.filter { $0.queue == queue }.map(\.text) }

    func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
        state.withLock { $0.calls += 1 }
        let answers = try jobs.map { queue, job in
            if let answer = try rule(job, queue) { return answer }
            return take(job, queue)
        }
        let done = state.withLock { state in
            let done = state.waiters.filter { $0.count <= state.taken.count }
            state.waiters.removeAll { $0.count <= state.taken.count }
            return done
        }
        for waiter in done { waiter.continuation.resume() }
        return answers
    }

    /// Returns when so many jobs were taken.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.taken.count >= count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private func take(_ job: NewJob, _ queue: String) -> ShipAnswer {
        let text = String(decoding: job.data, as: UTF8.self)
        let key = job.options.key?.text ?? ""
        return state.withLock { state in
            if state.keys.insert("\(queue) \(key)").inserted {
                state.taken.append(Shipped(queue: queue, kind: job.kind.text, text: text, key: key))
            } else {
                state.repeats += 1
            }
            return .accepted(JobID(key))
        }
    }
}

/// Why a test waited in vain.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Waits until something holds, looking again and again.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(20),
    isolation: isolated (any Actor)? = #isolation,
    _ holds: () async throws -> Bool
) async throws {
    guard try await Waiting.until(within: limit, holds) else {
        throw TimedOut(description: "not within \(limit): \(what)")
    }
}
