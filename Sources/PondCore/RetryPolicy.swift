/// How often a job of a kind is tried, and how long it rests between tries.
package struct RetryPolicy: Sendable, Hashable {
    /// Tries before the job is dead; a job's own `max_attempts` goes before it.
    ///
    /// Defaults to 8.
    package var attemptsMax: Int
    /// The rest after a failure.
    ///
    /// Defaults to ``standardBackoff``.
    package var backoff: Backoff

    /// 2 s, three times as long after each failure, up to 10 minutes, ± 20 %.
    ///
    /// With 8 tries that is 22 minutes from the first failure to the last try: long enough for what is called to be started
    /// again, or for a deploy to be taken back.
    package static let standardBackoff = Backoff(base: .seconds(2), cap: .seconds(600), jitter: 0.2, factor: 3)

    package init(
        attemptsMax: Int = Limits.attemptsDefault,
        backoff: Backoff = RetryPolicy.standardBackoff
    ) {
        self.attemptsMax = attemptsMax
        self.backoff = backoff
    }

    /// What follows a failed try.
    ///
    /// - Parameters:
    ///   - attempt: the number of the try that failed, from 1.
    ///   - jobAttemptsMax: the job's own `max_attempts`.
    ///   - hint: the handler's own wish, the least that the job rests.
    ///   - random: places the delay within its jitter, in -1...1.
    package func afterFailure(
        attempt: Int,
        jobAttemptsMax: Int?,
        hint: Duration?,
        random: Double = .random(in: -1...1)
    ) -> Decision {
        let allowed = jobAttemptsMax ?? attemptsMax
        guard attempt < allowed else { return .exhausted(attempts: attempt) }
        let delay = backoff.delay(afterFailures: attempt, random: random)
        return .retry(after: min(max(hint ?? .zero, delay), Limits.delayMax))
    }

    /// The answer of a policy.
    package enum Decision: Sendable, Hashable {
        case retry(after: Duration)
        case exhausted(attempts: Int)
    }
}
