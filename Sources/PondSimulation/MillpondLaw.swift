import PondCore
package import PondScaling

/// Millpond's own law: the very `FleetScaler` that a leader runs, for a fleet of one host.
public struct MillpondLaw: ScalingLaw {
    /// The name, as typed.
    public let name: String
    /// What it goes by, in one line.
    public let summary = "arrivals × service time, and backlog against the wait target"
    /// Seconds between ticks.
    public let period: Double
    /// The memory, as a leader would write it down.
    package private(set) var scaler: FleetScaler
    private let policy: FleetPolicy
    private var plan: FleetPlan?

    private static let queue = "simulated"
    private static let start = ServerTime(milliseconds: 1_800_000_000_000)
    /// Processes that a host starts in a second.
    private static let spawnsEachSecond = 8.0

    /// - Parameters:
    ///   - period: seconds between ticks. Defaults to 2.
    ///   - verifiesGrowth: false switches the growth guard off, to see what the guard is for.
    public init(_ shape: LoadShape, name: String = "millpond", period: Double = 2, verifiesGrowth: Bool = true) {
        self.name = name
        self.period = period
        scaler = FleetScaler(verifiesGrowth: verifiesGrowth)
        let policy = ScalingPolicy(
            waitTarget: .milliseconds(Int64(shape.waitTarget * 1_000)),
            workersMin: shape.workersMin,
            workersMax: shape.workersMax,
            slots: shape.slots,
            serviceTimeGuess: .milliseconds(max(1, Int64(shape.serviceTime * 1_000)))
        )
        self.policy = FleetPolicy(workersMax: shape.workersMax, queues: [MillpondLaw.queue: policy])
    }

    /// Decides at a tick.
    public mutating func decide(_ view: QueueView) -> LawAnswer? {
        let queue = MillpondLaw.queue
        let at = MillpondLaw.start.advanced(by: .milliseconds(Int64((view.time * 1_000).rounded())))
        let pool = PoolReport(
            running: view.workers,
            starting: view.workers - view.ready,
            draining: view.draining,
            spawnSeconds: view.spawnSeconds
        )
        let host = HostReport(id: "host", workersMax: policy.workersMax, pools: [queue: pool])
        let plan = scaler.plan(
            readings: [queue: reading(view, at)],
            hosts: [host],
            orphans: 0,
            policy: policy,
            orders: FleetOrders(),
            previous: plan,
            at: at,
            token: 1
        )
        self.plan = plan
        let decision = plan.decisions[queue]
        return LawAnswer(
            workers: plan.workers(of: queue),
            demand: decision?.demand,
            spawnsMax: Int(MillpondLaw.spawnsEachSecond * max(1, period)),
            decision: decision
        )
    }

    private func reading(_ view: QueueView, _ at: ServerTime) -> QueueReading {
        QueueReading(
            at: at,
            waiting: view.waiting,
            inFlight: view.inFlight,
            oldestWait: .milliseconds(Int64(view.oldestWait * 1_000)),
            arrivals: view.arrivals,
            busySeconds: view.busySeconds,
            completions: view.completions,
            successes: view.successes,
            workers: view.workers,
            ready: view.ready,
            draining: view.draining,
            spawnSeconds: view.spawnSeconds
        )
    }
}
