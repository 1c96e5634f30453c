import PondCore
package import PondScaling

/// The workers of one queue on one host.
package struct PoolConfiguration: Sendable, Hashable {
    /// The queue that the workers serve.
    package var queue: String
    /// How long a job may wait, and the bounds of what may be done about it.
    package var policy: ScalingPolicy
    /// What each worker runs; the fleet's variables for the queue and its slots are set on top.
    package var command: WorkerCommand
    /// How long a worker may drain between SIGTERM and SIGKILL when the whole fleet stops.
    ///
    /// Defaults to 35 seconds.
    package var gracePeriod: Duration
    /// A worker that takes more memory than this, in bytes, is replaced after its jobs; nil for no limit.
    ///
    /// Where the system has a memory controller, half as much again ends it at once. Defaults to no limit.
    package var memoryMax: Int64?
    /// A worker that has run so many jobs is replaced; nil for no limit.
    ///
    /// Defaults to no limit.
    package var jobsMax: Int?
    /// The limits that jobs of kinds need before they may run.
    ///
    /// Defaults to what the program says of its kinds.
    package var limitedBy: [String: String] = [:]

    package init(
        queue: String,
        policy: ScalingPolicy = ScalingPolicy(),
        command: WorkerCommand,
        gracePeriod: Duration = .seconds(35),
        memoryMax: Int64? = nil,
        jobsMax: Int? = nil
    ) {
        self.queue = queue
        self.policy = policy
        self.command = command
        self.gracePeriod = gracePeriod
        self.memoryMax = memoryMax
        self.jobsMax = jobsMax
    }
}

/// What one host brings to a fleet, and what it would do with the fleet if it led.
package struct ScaledFleetConfiguration: Sendable, Hashable {
    /// The fleet's name: hosts with the same one share its workers.
    ///
    /// Defaults to `default`.
    package var name: String
    /// How many workers the whole fleet may have, on all hosts.
    package var workersMax: Int
    /// The pools that this host can run.
    package var pools: [PoolConfiguration]
    /// What this host can carry.
    package var host: HostLimits
    /// How often the queues are measured.
    ///
    /// Defaults to 2 seconds.
    package var interval: Duration
    /// How often they are measured while a queue has no worker, so that its first job does not wait.
    ///
    /// Defaults to half a second.
    package var wakeInterval: Duration
    /// How long a host, or the one that leads, may be silent before the others go on without it.
    ///
    /// Defaults to 10 seconds.
    package var lease: Duration
    /// Whether this host may lead.
    ///
    /// Defaults to true.
    package var mayLead: Bool

    package init(
        name: String = "default",
        workersMax: Int,
        pools: [PoolConfiguration],
        host: HostLimits = HostLimits(),
        interval: Duration = .seconds(2),
        wakeInterval: Duration = .milliseconds(500),
        lease: Duration = .seconds(10),
        mayLead: Bool = true
    ) {
        self.name = name
        self.workersMax = workersMax
        self.pools = pools
        self.host = host
        self.interval = interval
        self.wakeInterval = wakeInterval
        self.lease = lease
        self.mayLead = mayLead
    }

    /// What this host would plan with.
    package var policy: FleetPolicy {
        FleetPolicy(
            workersMax: workersMax,
            queues: Dictionary(pools.map { ($0.queue, $0.policy) }, uniquingKeysWith: { first, _ in first })
        )
    }

    /// Checks every value against its bounds.
    ///
    /// - Throws: ``SupervisorError`` with code `invalidConfiguration` that names the value and its bounds.
    package func validate() throws {
        try require(!pools.isEmpty, "the fleet has no queue; name at least one")
        try require(
            Set(pools.map(\.queue)).count == pools.count,
            "a queue is given twice: \(pools.map(\.queue).sorted().joined(separator: ", "))"
        )
        try require(
            ScaledFleetConfiguration.workersBounds.contains(workersMax),
            "max_workers is \(workersMax), allowed are \(ScaledFleetConfiguration.workersBounds.lowerBound) to "
                + "\(ScaledFleetConfiguration.workersBounds.upperBound)"
        )
        for pool in pools {
            if let problem = pool.policy.problem(maxOfFleet: workersMax) {
                throw SupervisorError(code: .invalidConfiguration, message: "queue \(pool.queue): \(problem)")
            }
        }
        let floors = pools.reduce(0) { $0 + $1.policy.workersMin }
        try require(
            floors <= workersMax,
            "the queues' min add up to \(floors) workers, but max_workers of the fleet is \(workersMax)"
        )
        try require(interval >= .milliseconds(100), "interval is \(interval.human), but must be at least 100 ms")
        try require(
            lease >= interval * 3 && lease >= .seconds(1),
            "lease is \(lease.human), but must be at least a second and three intervals of \(interval.human)"
        )
        try host.validate()
    }

    /// How many workers a fleet may have.
    package static let workersBounds = 1...10_000

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw SupervisorError(code: .invalidConfiguration, message: message()) }
    }
}

/// What a host can carry.
package struct HostLimits: Sendable, Hashable {
    /// The most workers on this host; nil for what its processors and memory allow.
    ///
    /// Defaults to that.
    package var workersMax: Int?
    /// The most workers for each processor: jobs mostly wait for others, so there may be several.
    ///
    /// Defaults to 8.
    package var workersPerCore: Int
    /// Memory that is left to everything else, in bytes.
    ///
    /// Defaults to 256 MiB, and to a quarter of the memory where that is less.
    package var memoryReserve: Int64?
    /// What is left to everything else where there is plenty.
    static let memoryReserveDefault: Int64 = 256 << 20
    /// Workers are added one at a time while something waited for a processor during more than this share of the last ten
    /// seconds, except those that a queue is owed: its minimum, its reserve, what a person pinned.
    ///
    /// Defaults to 0.6.
    package var cpuPressureMax: Double
    /// None is added while something waited for memory for so long, with the same exception.
    ///
    /// Defaults to 0.1.
    package var memoryPressureMax: Double

    package init(
        workersMax: Int? = nil,
        workersPerCore: Int = 8,
        memoryReserve: Int64? = nil,
        cpuPressureMax: Double = 0.6,
        memoryPressureMax: Double = 0.1
    ) {
        self.workersMax = workersMax
        self.workersPerCore = workersPerCore
        self.memoryReserve = memoryReserve
        self.cpuPressureMax = cpuPressureMax
        self.memoryPressureMax = memoryPressureMax
    }

    func validate() throws {
        let problem: String? =
            if let workersMax, !SupervisorLimits.workers.contains(workersMax) {
                "host.max_workers is \(workersMax), allowed are \(SupervisorLimits.workers.lowerBound) to "
                    + "\(SupervisorLimits.workers.upperBound)"
            } else if workersPerCore < 1 {
                "host.workers_per_core is \(workersPerCore), but must be at least 1"
            } else if let memoryReserve, memoryReserve < 0 {
                "host.memory_reserve is \(memoryReserve), but cannot be negative"
            } else if !(0...1).contains(cpuPressureMax) || !(0...1).contains(memoryPressureMax) {
                "host pressures are shares from 0 to 1, not \(cpuPressureMax) and \(memoryPressureMax)"
            } else {
                nil
            }
        if let problem { throw SupervisorError(code: .invalidConfiguration, message: problem) }
    }
}
