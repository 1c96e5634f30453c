import PondCore
public import PondQueue
import PondRedis
public import PondWorker
import Synchronization

/// Runs the jobs of a queue in the test's process until none is left, with a real worker on the test's own Redis.
///
/// ```swift
/// let drained = try await drain(queue, jobs: JobList { SendEmail() })
/// #expect(drained.done == 3)
/// ```
///
/// Children that go to the same queue are run too; what goes to another queue stays there.
/// - Parameters:
///   - includingHeld: runs what is scheduled or rests before its next try at once, however far off its time is. Defaults to
///     false: it stays held.
///   - change: how the worker works. Defaults to no change.
///   - limit: how long it may take. Defaults to 30 seconds.
/// - Throws: `DrainError`, when jobs are left after the limit, and what the worker or Redis throws.
@discardableResult
public func drain(
    _ queue: Queue,
    jobs: some JobRegistry,
    includingHeld: Bool = false,
    configuration change: (inout WorkerConfiguration) -> Void = { _ in },
    within limit: Duration = .seconds(30)
) async throws -> Drained {
    let counter = EndCounter()
    let ready = Mutex(false)
    var configuration = WorkerConfiguration(queues: [queue.name.text])
    change(&configuration)
    configuration.middleware.append(counter)
    let worker = try Worker(
        queue.pond,
        jobs: jobs,
        configuration: configuration,
        onReady: { ready.withLock { $0 = true } }
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        let isEmpty = try await Waiting.until(within: limit, every: .milliseconds(5)) {
            guard ready.withLock({ $0 }) else { return false }
            return try await isDrained(queue, includingHeld)
        }
        // Before the worker hands back what it has.
        let left = isEmpty ? nil : try await queue.depth()
        worker.drain()
        try await group.waitForAll()
        if let left { throw DrainError(left: left, limit: limit) }
    }
    return counter.drained
}

/// What became of the jobs that a test drained.
public struct Drained: Sendable, Hashable {
    /// Jobs that were done.
    public var done = 0
    /// Tries that failed and are followed by another.
    public var retried = 0
    /// Jobs that ended badly, by cause.
    public var dead: [String: Int] = [:]
    /// Jobs that ended otherwise: cancelled, expired, duplicate, compensated.
    public var others = 0

    public init(done: Int = 0, retried: Int = 0, dead: [String: Int] = [:], others: Int = 0) {
        self.done = done
        self.retried = retried
        self.dead = dead
        self.others = others
    }
}

/// Jobs were left when the time of ``drain(_:jobs:includingHeld:configuration:within:)`` was up.
public struct DrainError: Error, CustomStringConvertible {
    let left: Depth
    let limit: Duration

    public var description: String {
        "the queue was not drained within \(limit.human): \(left.ready) jobs wait, \(left.inFlight) are in flight, "
            + "\(left.held) are held; give a longer limit, or look at what its handlers wait for"
    }
}

private func isDrained(_ queue: Queue, _ includingHeld: Bool) async throws -> Bool {
    let depth = try await queue.depth()
    if includingHeld, depth.held > 0 { try await queue.makeHeldDue() }
    return depth.ready == 0 && depth.inFlight == 0 && (!includingHeld || depth.held == 0)
}

/// Counts how jobs end.
private final class EndCounter: JobMiddleware {
    private let counts = Mutex(Drained())

    var drained: Drained { counts.withLock { $0 } }

    func ended(_ job: JobContext, _ end: JobEnd) {
        guard let outcome = end.outcome else { return }
        counts.withLock { counts in
            switch outcome {
            case .done: counts.done += 1
            case .retry: counts.retried += 1
            case .dead(let cause, _): counts.dead[cause.name, default: 0] += 1
            case .cancelled, .expired, .duplicate, .compensated: counts.others += 1
            case .released, .deferred, .postponed, .rests: break
            }
        }
    }
}
