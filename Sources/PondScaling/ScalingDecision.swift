public import PondCore

/// What was decided for a queue at one tick, and from which numbers: enough to check it by hand.
///
/// Times are in seconds, rates a second, `…Slots` in handlers that run at once.
public struct ScalingDecision: Sendable, Hashable, Codable {
    /// The queue.
    public var queue: String
    /// When, by Redis' clock.
    public var at: ServerTime
    /// The fencing token of the leader that decided.
    public var token: Int64
    /// Workers before.
    public var from: Int
    /// Workers from now on.
    public var to: Int
    /// Workers that the work asks for, bounded by nothing.
    public var demand: Int
    /// Workers after the guards, the down window and the queue's bounds, before sharing with other queues.
    public var wanted: Int
    /// What kept the queue from `demand`.
    public var limit: LimitingFactor = .none
    /// Whether jobs wait so long that growth goes in one step.
    public var isPanic = false
    /// Whether jobs run slower since something behind them is overloaded, so that growth is verified first.
    public var isDownstreamLimited = false
    /// Whether somebody has paused the queue.
    public var isQueuePaused = false
    /// Jobs that could start and have no slot.
    public var waiting = 0
    /// Jobs that run.
    public var inFlight = 0
    /// How long the head of the queue has waited.
    public var oldestWait = 0.0
    /// How long it may.
    public var waitTarget = 0.0
    /// Jobs a second.
    public var arrivalRate = 0.0
    /// Of one job in a slot.
    public var serviceTime = 0.0
    /// Arrival rate times service time: slots that are busy on average.
    public var load = 0.0
    /// Slots that the arrivals need, with headroom.
    public var rateSlots = 0.0
    /// Slots more that clear what waits too long.
    public var drainSlots = 0.0
    /// The time in which they clear it.
    public var drainSeconds = 0.0
    /// What the demand is multiplied by, since jobs waited too long nevertheless.
    public var trim = 1.0
    /// From the request for a worker to its first fetch.
    public var spawnSeconds = 0.0
    /// The least workers.
    public var workersMin = 0
    /// The most workers.
    public var workersMax = 0
    /// Handlers that a worker runs at a time.
    public var slots = 1
    /// The attempts of the last minute that failed, 0 to 1.
    public var failedShare = 0.0
    /// For how long there was no fresh measurement; nil when there is one.
    public var staleSeconds: Double?
    /// The person's order that counts; nil when there is none.
    public var order: ScalingOrder?

    public init(queue: String, at: ServerTime, token: Int64, from: Int, to: Int, demand: Int, wanted: Int) {
        self.queue = queue
        self.at = at
        self.token = token
        self.from = from
        self.to = to
        self.demand = demand
        self.wanted = wanted
    }
}
