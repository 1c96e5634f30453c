/// What became of a fetched job.
///
/// What is true of each of them is in one table, `Outcome.Traits`.
public enum Outcome: Sendable, Hashable {
    /// The handler returned.
    case done
    /// Another job with the same key runs, ran or waits, so this one is not run.
    case duplicate(of: JobID)
    /// It failed and may be tried again.
    case retry(after: Duration, error: String)
    /// It ended badly, under a cause.
    case dead(cause: Cause, error: String)
    /// Nobody in this process knows the kind; perhaps a newer worker does. No attempt is counted.
    case deferred(for: Duration, grace: Duration)
    /// It was not run to its end here and runs elsewhere at once; nothing is counted.
    case released
    /// As released, but it runs no sooner than after a while.
    case postponed(for: Duration)
    /// As postponed, because a budget of its intent has no room: `pond why` tells the reason, and more money wakes it sooner.
    case rests(for: Duration, reason: String)
    /// Somebody cancelled it.
    case cancelled
    /// What it may have done is undone: the end of a compensation.
    case compensated
    /// Its `expires_ms` had passed before it started.
    case expired
}

/// An error after which no further try can help: a handler that throws it makes its job dead at once.
public protocol PermanentFailure: Error {
    /// A short, stable name that groups equal failures; nil when this one may pass after all.
    var permanentCause: Cause? { get }
}

/// Why a job is dead: a short, stable name that groups equal failures.
public struct Cause: Sendable, Hashable, CustomStringConvertible {
    /// What groups equal failures, as in `attempts_exhausted`.
    public let name: String

    /// A cause of your own.
    public init(_ name: String) {
        self.name = name
    }

    /// The entry is no job: no kind, a field too long, a number that is none.
    public static let malformed = Cause("malformed")
    /// The payload does not decode into what the handler takes.
    public static let undecodable = Cause("undecodable_payload")
    /// Every allowed try failed.
    public static let attemptsExhausted = Cause("attempts_exhausted")
    /// Its key belongs to a job of another kind or with another payload.
    public static let keyMismatch = Cause("key_mismatch")
    /// All tries together took the allowed time.
    public static let wallExhausted = Cause("budget_exhausted:wall")
    /// All tries together took the allowed CPU time.
    public static let cpuExhausted = Cause("budget_exhausted:cpu")
    /// All tries together spent the allowed money.
    public static let usdExhausted = Cause("budget_exhausted:usd")
    /// All jobs of its intent together took the tokens that they may.
    public static let tokensExhausted = Cause("budget_exhausted:tokens")
    /// All jobs of its intent together made the calls that they may.
    public static let callsExhausted = Cause("budget_exhausted:calls")
    /// All jobs of its intent together were tried again as often as they may.
    public static let retriesExhausted = Cause("budget_exhausted:retries")
    /// The budget of its intent is closed, or was never opened.
    public static let budgetClosed = Cause("budget_closed")
    /// The work is done, and its result cannot be stored: it is too long, or cannot be encoded.
    public static let result = Cause("result")
    /// What a saga has done cannot be undone.
    public static let sagaStuck = Cause("saga_stuck")
    /// The handler said that no further try can help.
    public static let failed = Cause("failed")

    /// Whether the job's tries or a part of its budget are used up.
    package var isExhaustion: Bool { self == .attemptsExhausted || name.hasPrefix("budget_exhausted:") }

    public var description: String { name }
}
