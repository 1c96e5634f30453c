public import PondCore
import PondQueue

/// A handler and how its kind is tried: what a registry is made of.
public struct JobRegistration: Sendable {
    /// What the jobs are called.
    public let kind: String
    /// How often a job is tried, and how long it rests between tries.
    public private(set) var policy = RetryPolicy()
    /// The limit of one attempt.
    public private(set) var timeout = Limits.timeoutDefault
    let run: @Sendable (JobContext) async throws -> Void

    /// Registers a handler with the default policy: 8 tries, 60 seconds each.
    public init(_ handler: some JobHandler) {
        kind = type(of: handler).kind
        run = { context in
            try await handler.run(try PayloadCoding.decode(context.job), context)
        }
    }

    /// Registers a closure that takes the job as it is; handlers made on the spot, in tests above all.
    public init(kind: String, run: @escaping @Sendable (JobContext) async throws -> Void) {
        self.kind = kind
        self.run = run
    }

    /// Tries a job at most `times` times.
    ///
    /// - Parameter backoff: the rest between tries. Defaults to 500 ms, doubling up to 60 s, ± 20 %.
    public func retrying(times: Int, backoff: Backoff? = nil) -> JobRegistration {
        var copy = self
        copy.policy.attemptsMax = times
        if let backoff { copy.policy.backoff = backoff }
        return copy
    }

    /// Limits one attempt; then its task is cancelled and the attempt counts as failed.
    public func timeout(_ limit: Duration) -> JobRegistration {
        var copy = self
        copy.timeout = limit
        return copy
    }

    func validate() throws(PondError) {
        _ = try JobKind(kind)
        guard policy.attemptsMax >= 1, policy.attemptsMax <= 1_000_000 else {
            throw PondError(
                .invalidConfiguration,
                "\(kind): retrying(times:) is \(policy.attemptsMax), allowed is 1 to 1000000"
            )
        }
        guard timeout >= .milliseconds(1), timeout <= Limits.delayMax else {
            throw PondError(.invalidConfiguration, "\(kind): timeout is \(timeout), allowed is 1 ms to ten years")
        }
    }
}

extension JobHandler {
    /// Tries a job at most `times` times.
    ///
    /// - Parameter backoff: the rest between tries. Defaults to 500 ms, doubling up to 60 s, ± 20 %.
    public func retrying(times: Int, backoff: Backoff? = nil) -> JobRegistration {
        JobRegistration(self).retrying(times: times, backoff: backoff)
    }

    /// Limits one attempt; then its task is cancelled and the attempt counts as failed.
    ///
    /// Defaults to 60 seconds.
    public func timeout(_ limit: Duration) -> JobRegistration {
        JobRegistration(self).timeout(limit)
    }
}
