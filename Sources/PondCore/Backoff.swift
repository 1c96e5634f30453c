/// How long to wait before try number `n + 1`: exponential, capped, with jitter.
///
/// The formula is `min(cap, base · 2^(failures − 1)) · (1 ± jitter)`, used by job retries, reconnects and restarts.
public struct Backoff: Sendable, Hashable {
    /// The delay after the first failure, before jitter.
    public var base: Duration
    /// The longest delay, before jitter.
    public var cap: Duration
    /// The part of the delay that is random, each way: 0.2 means ± 20 %.
    public var jitter: Double

    /// Makes a backoff; a base or a cap that is out of order is a programming error.
    public init(base: Duration, cap: Duration, jitter: Double) {
        precondition(base > .zero && cap >= base, "a backoff needs 0 < base ≤ cap, got base \(base), cap \(cap)")
        precondition((0...1).contains(jitter), "a backoff's jitter is between 0 and 1, got \(jitter)")
        self.base = base
        self.cap = cap
        self.jitter = jitter
    }

    /// The delay after `failures` failures in a row (1 or more).
    ///
    /// - Parameter random: a number in -1...1 that places the result within the jitter; random unless given.
    public func delay(afterFailures failures: Int, random: Double = .random(in: -1...1)) -> Duration {
        // 2^40 · 1 ms is 34 years: past every cap, and the shift below cannot overflow.
        let doublings = min(max(failures, 1) - 1, 40)
        var delay = base
        for _ in 0..<doublings where delay < cap { delay = delay * 2 }
        return min(delay, cap) * (1 + jitter * min(max(random, -1), 1))
    }
}
