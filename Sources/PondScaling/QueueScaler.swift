package import PondCore

/// The memory of one queue's law.
///
/// It is a value: a leader writes it down at every tick, and the next leader goes on from there.
package struct QueueScaler: Sendable, Hashable, Codable {
    var clock = LawClock()
    var ledger = Ledger()
    var arrivals = ArrivalRate()
    var service = ServiceTime()
    var window = DownWindow()
    var trim = AgeTrim()
    var growth = GrowthGuard()
    var failures = FailureGuard()
    /// The time of the last step down, in milliseconds of the law's time.
    var lastDown: Int?
    /// What was wanted at the last tick, before sharing.
    var wanted: Int?
    /// Whether less than that was granted.
    var wasLimited = false
    /// The size at which a queue without data, or by an order, is held.
    var held: Int?
    /// Since when there is no fresh reading although there never was one.
    var waitingSince: ServerTime?

    /// False only in a simulation that shows what the growth guard is for; not part of what is written down.
    var verifiesGrowth = true

    private enum CodingKeys: String, CodingKey {
        case clock = "c"
        case ledger = "l"
        case arrivals = "a"
        case service = "s"
        case window = "w"
        case trim = "t"
        case growth = "g"
        case failures = "f"
        case lastDown = "d"
        case wanted = "n"
        case wasLimited = "m"
        case held = "h"
        case waitingSince = "q"
    }

    package init() {}

    /// Decides what a queue wants, before it shares with others: the answer's `to` is its `wanted`, its `token` is 0.
    ///
    /// - Parameters:
    ///   - reading: nil when there was none at this tick; the size is held then.
    ///   - workers: the size that the last plan gave it, or that it has when there was no plan.
    ///   - order: a person's order that counts now.
    package mutating func decide(
        _ reading: QueueReading?,
        queue: String,
        workers: Int,
        policy: ScalingPolicy,
        order: ScalingOrder? = nil,
        at: ServerTime
    ) -> ScalingDecision {
        var decision = ScalingDecision(
            queue: queue,
            at: at,
            token: 0,
            from: workers,
            to: workers,
            demand: workers,
            wanted: workers
        )
        let bounds = SizeBounds(policy, order)
        decision.note(policy, bounds, order)
        if let reading = reading?.sane, let step = clock.step(to: reading.at) {
            waitingSince = nil
            let tick = observe(reading, step, policy, workers)
            decision.note(tick, self)
            resize(&decision, tick, bounds)
        } else {
            hold(&decision, bounds, at)
        }
        obey(order, &decision)
        decision.wanted = decision.to
        wanted = decision.wanted
        return decision
    }

    /// Learns what the sharing with other queues has left of what was wanted.
    mutating func settle(granted: Int) {
        wasLimited = granted < (wanted ?? granted)
    }

    /// Without data the size stays as it is; only its bounds, which a person has set, still count.
    private mutating func hold(_ decision: inout ScalingDecision, _ bounds: SizeBounds, _ at: ServerTime) {
        let since = clock.last ?? waitingSince ?? at
        if clock.last == nil { waitingSince = since }
        decision.staleSeconds = max(0, at.since(since).inSeconds)
        let size = held ?? decision.from
        held = size
        decision.to = bounds.limited(size)
        decision.demand = decision.to
        decision.limit = .stale
    }

    private mutating func obey(_ order: ScalingOrder?, _ decision: inout ScalingDecision) {
        switch order?.kind {
        case .pin:
            decision.to = max(0, order?.workers ?? decision.from)
            decision.limit = .pinned
            held = nil
        case .pause:
            let size = held ?? decision.from
            held = size
            decision.to = size
            decision.limit = .paused
        case .floor, nil:
            if decision.limit != .stale { held = nil }
        }
    }
}

/// Between which sizes the law may answer.
struct SizeBounds: Sendable {
    var min: Int
    var max: Int

    init(_ policy: ScalingPolicy, _ order: ScalingOrder?) {
        max = Swift.max(0, policy.workersMax)
        min = policy.workersMin.clamped(to: 0...max)
        guard let order, order.kind == .floor, let workers = order.workers else { return }
        min = Swift.max(min, workers.clamped(to: 0...max))
    }

    /// The size, or the nearer bound.
    func limited(_ workers: Int) -> Int { workers.clamped(to: min...max) }
}
