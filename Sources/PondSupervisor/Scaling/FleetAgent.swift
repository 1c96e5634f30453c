// One host of a fleet. Every interval it says what it has and hears what it should have; the host that leads measures the
// queues, asks the law, and writes down what every host should have. Nobody else is told what to do by it: a host only
// ever changes its own workers, and only by a plan whose token is not older than one it has seen.

import Glibc
package import Logging
package import PondCore
import PondFleet
import PondProcess
package import PondQueue
import PondScaling
import ServiceLifecycle
import Synchronization
package import SystemPackage

/// Keeps the workers of several queues at the size that their load needs, together with the other hosts of the fleet.
///
/// When Redis is away, or nobody leads, everything stays as it is. A `Service`: its graceful shutdown is ``stop()``.
package final class FleetAgent: Service, Sendable {
    /// This host's name in the fleet, which no other run shares.
    package let host: String
    let configuration: ScaledFleetConfiguration
    let pools: [Pool]
    let store: FleetStore
    let pond: Pond
    let clock: LocalClock
    let logger: Logger
    let outage: OutageLog
    let memory: Mutex<Memory>
    private let onLook: @Sendable (FleetLook) -> Void
    private let stopSignal = WakeSignal()

    /// What one tick leaves for the next.
    struct Memory {
        var isStopping = false
        /// The highest token of a plan that was obeyed.
        var token: Int64 = 0
        var lead: Lead?
        var loads: [String: QueueLoad] = [:]
        var hasComplainedOfRoom = false
        /// When it last looked at the fleet, or tried to.
        var lastLook: LocalInstant?
    }

    /// Makes the host's part of a fleet; nothing is started before ``run()``.
    ///
    /// - Parameters:
    ///   - onEvent: called for every event of a pool, with its queue; it must not block.
    ///   - onLook: called after every look at the fleet, with what was seen; it must not block.
    /// - Throws: ``SupervisorError`` with code `invalidConfiguration`, or `PondError`, for what cannot be run.
    package convenience init(
        _ pond: Pond,
        _ configuration: ScaledFleetConfiguration,
        clock: LocalClock = .system,
        logger: Logger,
        onEvent: @escaping @Sendable (String, FleetEvent) -> Void = { _, _ in },
        onLook: @escaping @Sendable (FleetLook) -> Void = { _ in }
    ) throws {
        try self.init(
            pond,
            configuration,
            clock: clock,
            logger: logger,
            output: .standardOutput,
            onEvent: onEvent,
            onLook: onLook
        )
    }

    /// The same with the workers' output going elsewhere than to standard output.
    package init(
        _ pond: Pond,
        _ configuration: ScaledFleetConfiguration,
        clock: LocalClock = .system,
        logger: Logger,
        output: FileDescriptor,
        onEvent: @escaping @Sendable (String, FleetEvent) -> Void = { _, _ in },
        onLook: @escaping @Sendable (FleetLook) -> Void = { _ in }
    ) throws {
        try configuration.validate()
        for pool in configuration.pools { _ = try pond.queue(pool.queue) }
        self.configuration = configuration
        self.onLook = onLook
        self.clock = clock
        // Its own connection: a call that is cancelled at the end closes it.
        self.pond = pond.withOwnConnection()
        store = try self.pond.fleet(configuration.name)
        let nonce = String(UInt32.random(in: .min ... .max), radix: 36)
        let host = "\(Host.name)-\(nonce)"
        self.host = host
        var logger = logger
        logger[metadataKey: "host"] = "\(host)"
        self.logger = logger
        outage = OutageLog(logger)
        memory = Mutex(Memory())
        let output = WorkerOutput(output, logger: logger)
        let most = min(SupervisorLimits.workers.upperBound, configuration.workersMax)
        pools = configuration.pools.map { pool in
            var logger = logger
            logger[metadataKey: "queue"] = "\(pool.queue)"
            return Pool(
                pool,
                host: FleetAgent.mark(configuration.name, host),
                workersMax: most,
                clock: clock,
                logger: logger,
                output: output
            ) { onEvent(pool.queue, $0) }
        }
    }

    /// What workers say of who started them: the fleet belongs to it, because several may serve one queue.
    static func mark(_ fleet: String, _ host: String) -> String { "\(fleet)/\(host)" }

    /// Works until ``stop()``; returns when every worker of this host has ended.
    ///
    /// - Throws: ``SupervisorError``; `CancellationError` when it was cancelled.
    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for pool in pools { group.addTask { try await pool.supervisor.run() } }
                async let steering: Void = steer()
                do {
                    try await group.waitForAll()
                } catch {
                    // One pool that cannot run ends the host's part: the others are drained, not cut off.
                    stop()
                    await steering
                    throw error
                }
                stop()
                await steering
            }
        } onGracefulShutdown: {
            self.stop()
        }
        await pond.close()
    }

    /// Leaves the fleet and drains this host's workers, after which ``run()`` returns; a lead passes on at once.
    package func stop() {
        memory.withLock { $0.isStopping = true }
        stopSignal.ring()
        for pool in pools { pool.supervisor.stop() }
    }

    /// Stops at once: workers cancel their jobs and hand them back.
    package func stopNow() {
        stop()
        for pool in pools { pool.supervisor.stopNow() }
    }

    /// Replaces every worker of this host, pool by pool, one at a time in each.
    package func rollingRestart() {
        for pool in pools { pool.supervisor.rollingRestart() }
    }

    /// The workers of this host, by queue.
    package func snapshot() -> [String: [SlotStatus]] {
        Dictionary(
            pools.map { ($0.configuration.queue, $0.supervisor.snapshot()) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Whether the supervision of every pool moves, and this host has looked at its fleet not longer ago than `lookAge`.
    package func answers(within limit: Duration, lookAge: Duration) async -> Bool {
        let last = memory.withLock(\.lastLook)
        if let last, last.duration(to: clock.now()) > lookAge { return false }
        for pool in pools where !(await pool.supervisor.answers(within: limit)) { return false }
        return true
    }

    private func noteLook() {
        let now = clock.now()
        memory.withLock { $0.lastLook = now }
    }

    var isStopping: Bool { memory.withLock { $0.isStopping } }
}

// MARK: - The loop

extension FleetAgent {
    private func steer() async {
        await join()
        while !isStopping {
            let isAwake = await tick()
            await stopSignal.wait(atMost: isAwake ? configuration.interval : configuration.wakeInterval, clock)
            if Task.isCancelled { break }
        }
        await leave()
    }

    private func join() async {
        while !isStopping, !Task.isCancelled {
            noteLook()
            do throws(QueueError) {
                try await store.register()
                return outage.worked("joining the fleet")
            } catch {
                outage.failed("joining the fleet", error)
                await stopSignal.wait(atMost: .seconds(1), clock)
            }
        }
    }

    /// Says what this host has and does what it hears.
    ///
    /// - Returns: false when a queue has no worker, so that the next look must be soon.
    private func tick() async -> Bool {
        let asked = clock.now()
        noteLook()
        do throws(QueueError) {
            let answer = try await store.beat(
                as: host,
                status(),
                lease: configuration.lease,
                isWilling: configuration.mayLead && !isStopping
            )
            let plan = try await newestPlan(answer)
            outage.worked("fleet beat")
            let (isLeader, loads) = memory.withLock { ($0.lead != nil, $0.loads) }
            onLook(FleetLook(isLeader: isLeader, plan: plan, loads: isLeader ? loads : [:]))
            if let plan { await obey(plan, asked: asked) }
        } catch {
            // Everything stays as it is: a fleet that cannot be seen is not a fleet that is idle.
            outage.failed("fleet beat", error)
            onLook(FleetLook(isLeader: false, plan: nil, loads: [:]))
        }
        await recycle()
        return !pools.contains { $0.wanted == 0 }
    }

    private func newestPlan(_ answer: FleetAnswer) async throws(QueueError) -> FleetPlan? {
        guard let told = answer.lead else {
            if memory.withLock({ $0.lead }) != nil { logger.notice("another host leads the fleet now") }
            memory.withLock { $0.lead = nil }
            return answer.plan
        }
        return try await lead(answer, told)
    }

    private func obey(_ plan: FleetPlan, asked: LocalInstant) async {
        // A process that was stopped in between may hold a plan of long ago, and others may have what it had. That counts
        // for workers that were ordered and are not started yet too.
        let until = asked + configuration.lease / 2
        guard clock.now() < until else { return }
        let isCurrent = memory.withLock { memory in
            guard plan.token >= memory.token, !memory.isStopping else { return false }
            memory.token = plan.token
            return true
        }
        // A host that the plan does not know yet keeps what it has until the next one.
        guard isCurrent, let share = plan.hosts[host] else { return }
        for pool in pools {
            guard let target = share[pool.configuration.queue] else { continue }
            let running = target < pool.wanted ? await load(of: pool)?.running(of: mark) ?? [:] : [:]
            pool.resize(to: target, running: running, until: until)
        }
    }

    var mark: String { FleetAgent.mark(configuration.name, host) }

    /// The queue as the leader measured it, or measured now.
    private func load(of pool: Pool) async -> QueueLoad? {
        if let load = memory.withLock({ $0.loads[pool.configuration.queue] }) { return load }
        do {
            return try await pond.queue(pool.configuration.queue).load(dueSoon: .zero, later: .zero)
        } catch {
            logger.debug("a queue cannot be measured", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func recycle() async {
        for pool in pools {
            let needsLoad = pool.configuration.jobsMax != nil || pool.watch.isCrashLooping
            pool.recycle(needsLoad ? await load(of: pool) : nil)
        }
        memory.withLock { $0.loads = [:] }
    }

    private func status() -> HostStatus {
        let facts = HostFacts.read()
        let reports = pools.map { ($0.configuration.queue, $0.report) }
        let running = reports.reduce(0) { $0 + $1.1.running + $1.1.draining }
        let sizes = pools.flatMap(\.pids).compactMap { SmallFile.residentMemory(of: $0) }.sorted()
        // What 95 of 100 stay below.
        let typical = sizes.isEmpty ? nil : sizes[min(sizes.count - 1, sizes.count * 95 / 100)]
        let minimum = pools.reduce(0) { $0 + $1.configuration.policy.workersMin }
        let capacity = HostCapacity(
            facts,
            configuration.host,
            running: running,
            workerMemory: typical,
            minimum: minimum
        )
        complainOfRoom(capacity, facts, minimum: minimum, workerMemory: typical)
        return HostStatus(
            report: HostReport(
                id: host,
                workersMax: capacity.workers,
                owedMax: capacity.owed,
                limit: capacity.limit,
                mayGrow: capacity.mayGrow,
                growthMax: capacity.growthMax,
                pools: Dictionary(reports, uniquingKeysWith: { first, _ in first })
            ),
            pid: getpid(),
            cores: max(1, Int(facts.processors.rounded(.up))),
            memoryAvailable: facts.memoryAvailable,
            cpuPressure: facts.cpuPressure,
            memoryPressure: facts.memoryPressure,
            configuration: configuration.fingerprint
        )
    }

    /// Says once that this host is too small for what it promises, and keeps the promise all the same.
    private func complainOfRoom(_ capacity: HostCapacity, _ facts: HostFacts, minimum: Int, workerMemory: Int64?) {
        let isShort = capacity.workers < minimum && capacity.limit != .max
        let isNews = memory.withLock { memory in
            defer { memory.hasComplainedOfRoom = isShort }
            return isShort && !memory.hasComplainedOfRoom
        }
        guard isNews else { return }
        logger.warning(
            """
            this host has room for fewer workers than the queues' min; they are started all the same: give it more \
            memory or processors, or lower min or host.memory_reserve
            """,
            metadata: [
                "room_for": "\(capacity.workers)", "min": "\(minimum)", "bound_by": "\(capacity.limit.rawValue)",
                "memory_available": "\(facts.memoryAvailable)", "processors": "\(facts.processors)",
                "memory_reserve": "\(configuration.host.reserve(of: facts.memoryTotal))",
                "worker_memory": "\(workerMemory ?? HostCapacity.workerMemoryGuess)",
            ]
        )
    }

    private func leave() async {
        do throws(QueueError) {
            try await store.leave(as: host)
        } catch {
            logger.info("the fleet was not told that this host leaves; it will notice", metadata: ["error": "\(error)"])
        }
    }
}

extension ScaledFleetConfiguration {
    /// Differs where two hosts would lead the fleet differently.
    var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let pools = pools.sorted { $0.queue < $1.queue }.map { "\($0.queue) \($0.policy)" }
        for byte in "\(workersMax) \(pools)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
