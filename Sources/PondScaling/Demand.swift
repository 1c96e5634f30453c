import Glibc

/// How many slots the work of a queue asks for: a pure function of what was measured.
package struct Demand: Sendable, Hashable {
    /// What the demand is computed from; times in seconds, rates a second.
    package struct Input: Sendable, Hashable {
        /// Jobs a second.
        package var arrivalRate = 0.0
        /// Of one job in a slot.
        package var serviceTime = 1.0
        /// Jobs that could start.
        package var waiting = 0
        /// Jobs that run.
        package var inFlight = 0
        /// Held jobs that become due within the spawn time.
        package var dueSoon = 0
        /// Live workers.
        package var workers = 0
        /// Handlers that a worker runs at a time.
        package var slots = 1
        /// From the request for a worker to its first fetch.
        package var spawnSeconds = ScalingConstants.spawnTime
        /// How long a job may wait.
        package var waitTarget = 60.0
        /// What the demand is multiplied by.
        package var trim = 1.0
        /// Seconds between decisions.
        package var tick = ScalingConstants.tick

        package init() {}
    }

    /// Slots that are busy on average.
    package let load: Double
    /// Slots that the arrivals need, with headroom.
    package let rateSlots: Double
    /// Slots more that clear what waits too long.
    package let drainSlots: Double
    /// The time in which they clear it.
    package let drainSeconds: Double
    /// All in all, never more than there are jobs.
    package let total: Double
    /// Handlers that a worker runs at a time.
    let slots: Int

    /// The demand of a queue whose jobs may start.
    package init(_ input: Input) {
        let rate = input.arrivalRate
        let service = input.serviceTime
        let aim = ScalingConstants.setPoint * input.waitTarget
        let spawn = input.spawnSeconds
        load = rate * service
        // Square-root staffing, or the exponential tail of the wait where the target is long against the service time.
        let tail = ScalingConstants.tailExponent * ScalingConstants.variability * service / aim
        let headroom = min(ScalingConstants.headroomDeviations * load.squareRoot(), tail)
        rateSlots = max(load / ScalingConstants.utilizationMax, load + headroom)
        // What will wait when workers that are requested now begin to fetch.
        let capacity = Double(input.workers * input.slots) / service
        let backlog = max(0, Double(input.waiting + input.dueSoon) + (rate - capacity) * spawn)
        drainSeconds = max(ScalingConstants.catchUp * input.waitTarget, ScalingConstants.catchUpSpawns * spawn)
        drainSlots = max(0, backlog - rate * aim) * service / drainSeconds
        let needed = (drainSlots > 0 ? max(rateSlots, load + drainSlots) : rateSlots) * input.trim
        let jobs = Double(input.inFlight + input.waiting + input.dueSoon)
        total = min(needed, jobs + rate * max(spawn, input.tick) + 1)
        slots = max(1, input.slots)
    }

    /// The demand of a queue whose jobs may not start: slots for what still runs.
    init(inFlight: Int, slots: Int) {
        load = 0
        rateSlots = 0
        drainSlots = 0
        drainSeconds = 0
        total = Double(inFlight)
        self.slots = max(1, slots)
    }

    /// Workers for the demand, or for `factor` times the demand.
    package func workers(factor: Double = 1) -> Int {
        // The subtrahend forgives the last bits of a division; a million workers are as good as any more.
        Int((total * factor / Double(slots) - 1e-9).rounded(.up).clamped(to: 0...1_000_000))
    }

    /// The part of the demand by which a queue may be too large before it shrinks.
    var deadBand: Double {
        (ScalingConstants.deadBandDeviations / max(1, total).squareRoot()).clamped(to: ScalingConstants.deadBand)
    }

    /// Workers that the arrivals alone ask for.
    static func workers(slots: Double, of worker: Int) -> Int {
        Int((slots / Double(max(1, worker)) - 1e-9).rounded(.up).clamped(to: 0...1_000_000))
    }
}
