// What is true of every outcome of a kind, in one table: whoever wants to know something of an outcome asks here, so that a
// new outcome is written into one place and forgotten in none.

extension Outcome {
    /// What is true of an outcome, whatever job and text it has.
    package struct Traits: Sendable, Hashable {
        /// What it is called in logs and on pages.
        package let word: String
        /// What the settle function calls it.
        package let wireWord: String
        /// As what it is counted.
        package let count: Count
        /// Whether the job is over, and does not run again by itself.
        package let ends: Bool
        /// Whether the handler ran until it was known to be well or to have failed.
        package let isVerdict: Bool
        /// Whether it is a failure, which has a cause.
        package let isFailure: Bool
        /// Whether it is counted also of a job that did not run here; others go on, and are counted where they end.
        package let isCountedUnrun: Bool
        /// What becomes of the job's key; nil while the job lives on, and where the key is another job's.
        package let keyEnd: KeyEnd?

        /// Whether the job's own work is over for good: it is done or dead.
        package var isLast: Bool { isVerdict && ends }
    }

    /// What becomes of the key of a job that ends.
    package enum KeyEnd: Sendable, Hashable {
        /// It answers for the job during its window.
        case done
        /// It answers for the job while that is among the dead.
        case dead
        /// It is free.
        case released
    }

    /// How tries are counted, and jobs that end without one.
    package enum Count: Int, Sendable, Hashable, CaseIterable {
        case success, retry, dead, cancelled, expired, duplicate, released, lostLease, compensated

        /// The value of the label in metrics.
        package var label: String { self == .lostLease ? "lost_lease" : "\(self)" }
    }

    /// What is true of this outcome.
    package var traits: Traits {
        switch self {
        case .done: .done
        case .duplicate: .duplicate
        case .retry: .retry
        case .dead: .dead
        case .deferred: .deferred
        case .released: .released
        case .postponed: .postponed
        case .rests: .rests
        case .cancelled: .cancelled
        case .compensated: .compensated
        case .expired: .expired
        }
    }

    /// Whether the handler returned; a comparison would look at what else there is in both.
    @inlinable package var isDone: Bool {
        if case .done = self { true } else { false }
    }
}

extension Outcome? {
    /// As what the end of a try is counted: no outcome is that of a worker that had lost its job.
    package var count: Outcome.Count { self?.traits.count ?? .lostLease }
}

extension Outcome.Traits {
    fileprivate static let done = Self("done", .success, ends: true, isVerdict: true, keyEnd: .done)
    fileprivate static let dead = Self(
        "dead",
        .dead,
        ends: true,
        isVerdict: true,
        isFailure: true,
        isCountedUnrun: true,
        keyEnd: .dead
    )
    fileprivate static let retry = Self("retry", .retry, isVerdict: true, isFailure: true)
    fileprivate static let compensated = Self("compensated", .compensated, ends: true, keyEnd: .released)
    fileprivate static let cancelled = Self(
        "cancelled",
        .cancelled,
        ends: true,
        isCountedUnrun: true,
        keyEnd: .released
    )
    fileprivate static let expired = Self("expired", .expired, ends: true, isCountedUnrun: true, keyEnd: .released)
    fileprivate static let duplicate = Self("duplicate", .duplicate, ends: true, isCountedUnrun: true)
    fileprivate static let released = Self("released", wireWord: "release", .released)
    fileprivate static let postponed = Self("postponed", wireWord: "postpone", .released)
    fileprivate static let rests = Self("rests", wireWord: "postpone", .released)
    fileprivate static let deferred = Self("deferred", wireWord: "defer", .released)

    private init(
        _ word: String,
        wireWord: String? = nil,
        _ count: Outcome.Count,
        ends: Bool = false,
        isVerdict: Bool = false,
        isFailure: Bool = false,
        isCountedUnrun: Bool = false,
        keyEnd: Outcome.KeyEnd? = nil
    ) {
        self.word = word
        self.wireWord = wireWord ?? word
        self.count = count
        self.ends = ends
        self.isVerdict = isVerdict
        self.isFailure = isFailure
        self.isCountedUnrun = isCountedUnrun
        self.keyEnd = keyEnd
    }
}
