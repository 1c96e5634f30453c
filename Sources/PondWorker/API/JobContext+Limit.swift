package import PondCore
package import PondQueue
import Synchronization

extension JobContext {
    /// Waits until a limit has room for a call that the job is about to make, and takes it.
    ///
    /// ```swift
    /// try await job.limit("api.x.com")
    /// let answer = try await client.get("https://api.x.com/v1/things")
    /// ```
    ///
    /// The limit is one that all workers share (`pond limit`); a name that nobody has defined limits nothing. The wait is no
    /// part of the try's time or its budget. A job that has to wait on the whole more than 30 seconds gets
    /// ``LimitReached``: let it through, and the job goes on later, without a try counted, from the top of its handler.
    ///
    /// - Parameters:
    ///   - name: as it is defined, or a name of a family, as in `tenant:acme`.
    ///   - cost: how much the call takes of a rate, in tokens for example; ``LimitPermit/adjust(actual:)`` corrects it later.
    ///     Defaults to 1.
    /// - Returns: what the job holds until it ends, or until ``LimitPermit/release()``.
    /// - Throws: `LimitReached`, `PondError.invalidJob` for a name or a cost that cannot be, or `CancellationError`.
    @discardableResult
    public func limit(_ name: String, cost: Int = 1) async throws -> LimitPermit {
        let need = try LimitNeed(name: name, cost: cost)
        let begun = clock.now()
        var asked = 0
        while true {
            try Task.checkCancellation()
            guard let wait = try await answer(about: need, name, after: asked) else {
                progress.withLock { $0.hasLimits = true }
                return LimitPermit(name: name, cost: cost, job: self)
            }
            asked += 1
            let waited = begun.duration(to: clock.now())
            guard waited < Limits.limitPatience, wait.isAbout || waited + wait.time <= Limits.limitPatience else {
                throw LimitReached(name: wait.name, after: wait.time, reason: wait.why)
            }
            try await hold(for: wait.pause(random: .random(in: 0..<1)), "waits for limit \(wait.name): \(wait.why)")
        }
    }

    /// Whether its job needs limits, or has been granted some.
    var needsLimits: Bool {
        let areNeeded = fetched.map { $0.served.kindLimits.areNeeded(by: job) } ?? (job.limit != nil)
        return areNeeded || progress.withLock(\.hasLimits)
    }

    /// - Returns: nil when the job may go on.
    private func answer(about need: LimitNeed, _ name: String, after asked: Int) async throws -> LimitWait? {
        do throws(QueueError) {
            switch try await home.limitDesk.take(need, for: job) {
            case .granted: return nil
            case .wait(let time, let reason, let name): return LimitWait(time, reason, name: name, after: asked)
            }
        } catch {
            // Redis is away, and will be back: no fault of the job's.
            guard error.isTransient else { throw error }
            return LimitWait(name: name, noAnswer: "\(error)", after: asked)
        }
    }
}

/// How long a running job waits before it asks for a limit again.
private struct LimitWait {
    /// While a place may come free at any moment, nobody is told; so it is asked for, less and less often.
    private static let polling = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)

    let time: Duration
    let name: String
    let why: String
    /// Whether the time is no more than a guess.
    let isAbout: Bool

    init(_ time: Duration, _ reason: LimitReason, name: String, after asked: Int) {
        isAbout = reason == .concurrency
        self.time = isAbout ? min(time, Self.polling.delay(afterFailures: asked + 1)) : time
        self.name = name
        why = reason.text
    }

    init(name: String, noAnswer error: String, after asked: Int) {
        (isAbout, self.name, why) = (true, name, error)
        time = Self.polling.delay(afterFailures: asked + 1)
    }

    /// A little longer, and not the same for all that wait: one of them may go.
    func pause(random: Double) -> Duration { time + min(time / 5, .seconds(1)) * random }
}

/// What a running job holds of a limit.
///
/// Nothing has to be done with it: it ends with the job's try, however that ends, and with its worker.
public struct LimitPermit: Sendable {
    /// The limit's name.
    public let name: String
    /// What was taken of its rate.
    public let cost: Int
    private let job: JobContext

    init(name: String, cost: Int, job: JobContext) {
        (self.name, self.cost, self.job) = (name, cost, job)
    }

    /// Gives the place of a concurrency limit to others before the job ends; what a rate let through is not given back.
    ///
    /// Safe to repeat.
    public func release() async throws {
        _ = try await job.home.limitDesk.give(try LimitName(name), of: job.job)
    }

    /// Corrects what was taken of the rate, where the cost is known only after the call.
    ///
    /// - Parameter actual: what the call cost, from 0.
    public func adjust(actual: Int) async throws {
        let most = Limits.limitCost.upperBound
        guard (0...most).contains(Int64(actual)) else {
            throw PondError(.invalidJob, "limit \(name): the actual cost is \(actual), allowed is 0 to \(most)")
        }
        try await job.home.limitDesk.adjust(try LimitName(name), from: Int64(cost), to: Int64(actual))
    }
}

/// Thrown to a handler whose job would have to wait too long for a limit; let it through, and the job goes on later, without a
/// try counted.
public struct LimitReached: Error, Sendable, CustomStringConvertible {
    /// The limit that has no room.
    public let name: String
    /// About when it may have some.
    public let after: Duration
    /// Why, for people.
    public let reason: String

    /// A limit that has no room for a while.
    package init(name: String, after: Duration, reason: String) {
        (self.name, self.after, self.reason) = (name, after, reason)
    }

    public var description: String { "limit \(name): \(reason); again in \(after.human)" }
}

/// Who grants limits to running jobs: Redis, or a test.
package protocol LimitDesk: Sendable {
    /// Asks for what a job needs now.
    func take(_ need: LimitNeed, for job: Job) async throws(QueueError) -> LimitAnswer
    /// Gives a place back before the job's end.
    ///
    /// - Returns: whether the job had one.
    func give(_ name: LimitName, of job: Job) async throws(QueueError) -> Bool
    /// Says what a call cost in truth.
    func adjust(_ name: LimitName, from cost: Int64, to actual: Int64) async throws(QueueError)
}

extension NamedLimits: LimitDesk {}
