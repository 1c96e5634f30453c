/// How long to wait before try number `n + 1`: exponential, capped, with jitter.
///
/// The formula is `min(cap, base · factor^(failures − 1)) · (1 ± jitter)`, used by job retries, reconnects and restarts.
public struct Backoff: Sendable, Hashable {
    /// The delay after the first failure, before jitter.
    public var base: Duration
    /// The longest delay, before jitter.
    public var cap: Duration
    /// The part of the delay that is random, each way: 0.2 means ± 20 %.
    public var jitter: Double
    /// How many times as long each delay is as the one before.
    ///
    /// Defaults to 2.
    public var factor: Int

    /// Makes a backoff; a base or a cap that is out of order is a programming error.
    public init(base: Duration, cap: Duration, jitter: Double, factor: Int = 2) {
        precondition(base > .zero && cap >= base, "a backoff needs 0 < base ≤ cap, got base \(base), cap \(cap)")
        precondition((0...1).contains(jitter), "a backoff's jitter is between 0 and 1, got \(jitter)")
        precondition((2...10).contains(factor), "a backoff's factor is between 2 and 10, got \(factor)")
        self.base = base
        self.cap = cap
        self.jitter = jitter
        self.factor = factor
    }

    /// The delay after `failures` failures in a row (1 or more).
    ///
    /// - Parameter random: a number in -1...1 that places the result within the jitter; random unless given.
    public func delay(afterFailures failures: Int, random: Double = .random(in: -1...1)) -> Duration {
        // 2^40 · 1 ms is 34 years: past every cap.
        let steps = min(max(failures, 1) - 1, 40)
        var delay = base
        for _ in 0..<steps where delay < cap { delay = delay * factor }
        return min(delay, cap) * (1 + jitter * min(max(random, -1), 1))
    }
}
