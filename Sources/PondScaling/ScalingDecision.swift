package import PondCore

/// What was decided for a queue at one tick, and from which numbers: enough to check it by hand.
///
/// Times are in seconds, rates a second, `…Slots` in handlers that run at once.
package struct ScalingDecision: Sendable, Hashable, Codable {
    /// The queue.
    package var queue: String
    /// When, by Redis' clock.
    package var at: ServerTime
    /// The fencing token of the leader that decided.
    package var token: Int64
    /// Workers before.
    package var from: Int
    /// Workers from now on.
    package var to: Int
    /// Workers that the work asks for, bounded by nothing.
    package var demand: Int
    /// Workers after the guards, the down window and the queue's bounds, before sharing with other queues.
    package var wanted: Int
    /// What kept the queue from `demand`.
    package var limit: LimitingFactor = .none
    /// Whether jobs wait so long that growth goes in one step.
    package var isPanic = false
    /// Whether jobs run slower since something behind them is overloaded, so that growth is verified first.
    package var isDownstreamLimited = false
    /// Whether somebody has paused the queue.
    package var isQueuePaused = false
    /// Jobs that could start and have no slot.
    package var waiting = 0
    /// Jobs that run.
    package var inFlight = 0
    /// How long the head of the queue has waited.
    package var oldestWait = 0.0
    /// How long it may.
    package var waitTarget = 0.0
    /// Jobs a second.
    package var arrivalRate = 0.0
    /// Of one job in a slot.
    package var serviceTime = 0.0
    /// Arrival rate times service time: slots that are busy on average.
    package var load = 0.0
    /// Slots that the arrivals need, with headroom.
    package var rateSlots = 0.0
    /// Slots more that clear what waits too long.
    package var drainSlots = 0.0
    /// The time in which they clear it.
    package var drainSeconds = 0.0
    /// What the demand is multiplied by, since jobs waited too long nevertheless.
    package var trim = 1.0
    /// From the request for a worker to its first fetch.
    package var spawnSeconds = 0.0
    /// The least workers.
    package var workersMin = 0
    /// The most workers.
    package var workersMax = 0
    /// Handlers that a worker runs at a time.
    package var slots = 1
    /// The attempts of the last minute that failed, 0 to 1.
    package var failedShare = 0.0
    /// For how long there was no fresh measurement; nil when there is one.
    package var staleSeconds: Double?
    /// The person's order that counts; nil when there is none.
    package var order: ScalingOrder?

    package init(queue: String, at: ServerTime, token: Int64, from: Int, to: Int, demand: Int, wanted: Int) {
        self.queue = queue
        self.at = at
        self.token = token
        self.from = from
        self.to = to
        self.demand = demand
        self.wanted = wanted
    }
}
