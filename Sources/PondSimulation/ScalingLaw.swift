package import PondScaling

/// What a law may look at: the queue as it is at a tick, times in seconds since the start.
public struct QueueView: Sendable {
    /// Now.
    public var time = 0.0
    /// Jobs that wait.
    public var waiting = 0
    /// Jobs that run.
    public var inFlight = 0
    /// How long the head has waited.
    public var oldestWait = 0.0
    /// Jobs that have arrived so far, retries included.
    public var arrivals = 0
    /// Attempts that have ended so far.
    public var completions = 0
    /// Of these, successes.
    public var successes = 0
    /// Slot-seconds so far.
    public var busySeconds = 0.0
    /// Starting and ready workers.
    public var workers = 0
    /// Of these, ready ones.
    public var ready = 0
    /// Workers that finish what they have and go.
    public var draining = 0
    /// From the request for a worker to its first fetch.
    public var spawnSeconds = 0.0
}

/// What a law answers.
public struct LawAnswer: Sendable {
    /// Workers from now on.
    public var workers: Int
    /// Workers that the law would have without bounds; for drawing.
    public var demand: Int
    /// Whether it takes away idle workers before busy ones.
    public var choosesIdle: Bool
    /// Workers that may be started at this tick.
    public var spawnsMax: Int
    /// Why; nil for laws that do not say.
    package var decision: ScalingDecision?

    /// An answer; without a `demand` that is the same as `workers`.
    package init(
        workers: Int,
        demand: Int? = nil,
        choosesIdle: Bool = true,
        spawnsMax: Int = .max,
        decision: ScalingDecision? = nil
    ) {
        self.workers = workers
        self.demand = demand ?? workers
        self.choosesIdle = choosesIdle
        self.spawnsMax = spawnsMax
        self.decision = decision
    }
}

/// A law that says how many workers a queue is to have.
public protocol ScalingLaw: Sendable {
    /// The name, as typed.
    var name: String { get }
    /// What it goes by, in one line.
    var summary: String { get }
    /// Seconds between ticks.
    var period: Double { get }
    /// Decides at a tick; nil changes nothing.
    mutating func decide(_ view: QueueView) -> LawAnswer?
}
