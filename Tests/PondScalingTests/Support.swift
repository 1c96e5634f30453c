import PondCore
import PondScaling

/// A fleet that does what the plan says, with as much lag as a test wants, and queues that are read from counters.
struct Bench {
    var scaler = FleetScaler()
    var policy: FleetPolicy
    var orders = FleetOrders()
    var hosts: [HostReport]
    var orphans = 0
    var plan: FleetPlan?
    var at = ServerTime(milliseconds: 1_800_000_000_000)
    var readings: [String: QueueReading] = [:]

    init(_ queues: [String: ScalingPolicy], workersMax: Int = 100, hosts: [HostReport]? = nil) {
        policy = FleetPolicy(workersMax: workersMax, queues: queues)
        let pools = queues.mapValues { _ in PoolReport() }
        self.hosts = hosts ?? [HostReport(id: "a", workersMax: workersMax, pools: pools)]
        for queue in queues.keys { readings[queue] = QueueReading(at: at) }
    }

    /// One queue, called `q`.
    static func single(
        _ policy: ScalingPolicy = ScalingPolicy(workersMax: 40, slots: 4),
        workersMax: Int = 100
    ) -> Bench {
        Bench(["q": policy], workersMax: workersMax)
    }

    /// A tick: time passes, every reading is fresh, the plan is made and the hosts do it at once.
    @discardableResult
    mutating func tick(after seconds: Double = 2, stale: Set<String> = []) -> FleetPlan {
        at = at.advanced(by: .milliseconds(Int64(seconds * 1_000)))
        for queue in readings.keys {
            readings[queue]?.at = at
            let running = hosts.reduce(0) { $0 + ($1.pools[queue]?.running ?? 0) }
            readings[queue]?.workers = running
            readings[queue]?.ready = running
        }
        let plan = scaler.plan(
            readings: readings.filter { !stale.contains($0.key) },
            hosts: hosts,
            orphans: orphans,
            policy: policy,
            orders: orders,
            previous: self.plan,
            at: at,
            token: 7
        )
        self.plan = plan
        obey(plan)
        return plan
    }

    /// The hosts have what the plan says.
    mutating func obey(_ plan: FleetPlan) {
        for index in hosts.indices {
            let sizes = plan.hosts[hosts[index].id] ?? [:]
            for queue in hosts[index].pools.keys {
                hosts[index].pools[queue]?.running = sizes[queue] ?? 0
            }
        }
    }

    /// So many ticks of a queue whose jobs arrive, run and end at these rates, a second.
    mutating func ticks(
        _ count: Int,
        queue: String = "q",
        arriving: Int = 0,
        ending: Int? = nil,
        succeeding: Int? = nil,
        serviceTime: Double = 1,
        stale: Set<String> = []
    ) {
        for _ in 0..<count {
            let ended = ending ?? arriving
            readings[queue]?.arrivals += 2 * arriving
            readings[queue]?.completions += 2 * ended
            readings[queue]?.successes += 2 * (succeeding ?? ended)
            readings[queue]?.busySeconds += 2 * Double(ended) * serviceTime
            tick(stale: stale)
        }
    }

    /// The last decision for a queue.
    func decision(_ queue: String = "q") -> ScalingDecision {
        plan?.decisions[queue]
            ?? ScalingDecision(queue: "?", at: at, token: 0, from: -1, to: -1, demand: -1, wanted: -1)
    }

    /// The workers that a queue has by the last plan.
    func workers(_ queue: String = "q") -> Int { plan?.workers(of: queue) ?? 0 }
}
