public import PondCore

/// When a worker takes its foot off: after so many jobs in a row have died of one cause while none was done.
///
/// Then something is wrong with the worker or with what it calls, and not with the jobs. A backlog should wait for the repair
/// rather than die of it.
public struct BrakePolicy: Sendable, Hashable {
    /// Deaths of one cause in a row, without a job done between them, from which on the worker stops fetching.
    ///
    /// Defaults to 20.
    public var failures: Int
    /// The rests between the single jobs that it then tries.
    ///
    /// Defaults to 5 s, doubling up to 60 s.
    public var probes: Backoff

    /// A policy; each part has its default.
    public init(
        failures: Int = 20,
        probes: Backoff = Backoff(base: .seconds(5), cap: .seconds(60), jitter: 0)
    ) {
        self.failures = failures
        self.probes = probes
    }
}

/// The brake of one queue: it hears of ends, and says how many jobs may be fetched.
package struct Brake: Sendable {
    /// Why a queue is not fetched from.
    package struct Hold: Sendable, Hashable {
        /// What the failures have in common, for people.
        package let cause: String
        /// Since when, by the local clock.
        package let since: LocalInstant
        /// How many jobs have died of it in a row.
        package fileprivate(set) var count: Int
    }

    /// What has changed with an end.
    package enum Change: Sendable, Hashable {
        case engaged(Hold)
        case released(Hold)
    }

    /// Jobs of kinds that nobody here knows, without a job done between them, from which on there is no use in fetching: one may be a stray.
    package static let strangersMax = 4

    private let policy: BrakePolicy
    /// The failures in a row: what they have in common, and how many there are.
    private var streak: (root: String, count: Int) = ("", 0)
    /// Jobs of unknown kinds since one was done.
    private var strangers = 0
    /// Why nothing but single jobs is fetched; nil while all is well.
    package private(set) var hold: Hold?
    private var probes = 0
    private var nextProbe: LocalInstant?

    /// A brake that is off.
    package init(_ policy: BrakePolicy) {
        self.policy = policy
    }

    /// A job is dead.
    ///
    /// - Parameters:
    ///   - root: what it has in common with others of its kind of failure.
    ///   - cause: the same for people.
    /// - Returns: the hold that begins with it.
    package mutating func failed(_ root: String, _ cause: String, at now: LocalInstant) -> Change? {
        streak = streak.root == root ? (root, streak.count + 1) : (root, 1)
        return streak.count >= policy.failures || hold != nil ? engage(cause, at: now, count: streak.count) : nil
    }

    /// A job is of a kind that nobody here knows, which is seen for the first time.
    ///
    /// - Returns: the hold that begins with it.
    package mutating func passedOn(_ cause: String, at now: LocalInstant) -> Change? {
        strangers += 1
        return strangers >= Self.strangersMax || hold != nil ? engage(cause, at: now, count: strangers) : nil
    }

    /// There is no use in fetching.
    private mutating func engage(_ cause: String, at now: LocalInstant, count: Int) -> Change? {
        hold?.count += 1
        guard hold == nil else { return nil }
        let hold = Hold(cause: cause, since: now, count: count)
        self.hold = hold
        probes = 0
        rest(from: now)
        return .engaged(hold)
    }

    /// A job is done: whatever it was, it is over.
    package mutating func succeeded() -> Change? {
        (streak, strangers) = (("", 0), 0)
        defer { (hold, nextProbe) = (nil, nil) }
        return hold.map { .released($0) }
    }

    /// How many jobs may be fetched: any number when nil, else none or one.
    package func most(at now: LocalInstant) -> Int? {
        guard hold != nil, let nextProbe else { return nil }
        return now >= nextProbe ? 1 : 0
    }

    /// How long it is until a single job may be fetched; nil while any number may.
    package func pause(at now: LocalInstant) -> Duration? {
        nextProbe.map { max(.zero, now.duration(to: $0)) }
    }

    /// A single job was fetched; the next one waits longer.
    package mutating func probed(at now: LocalInstant) {
        guard hold != nil else { return }
        rest(from: now)
    }

    private mutating func rest(from now: LocalInstant) {
        probes += 1
        nextProbe = now.advanced(by: policy.probes.delay(afterFailures: probes))
    }
}
