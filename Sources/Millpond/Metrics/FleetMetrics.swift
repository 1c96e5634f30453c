import Logging
import Metrics
import PondCore
import PondQueue
import PondScaling
import PondSupervisor
import PondTelemetry
import Synchronization

/// What a supervisor tells: of its own workers as it happens, and of whole queues when it is asked.
///
/// A queue has one voice: the leader of its fleet, or the supervisor of a fixed fleet. What nobody says any more is not
/// exported any more, so a leader that was replaced does not go on with old numbers.
final class FleetMetrics: Sendable {
    private struct State {
        var look: FleetLook?
        var spawned: [Int32: LocalInstant] = [:]
        /// The workers behind start scripts, by the script.
        var behindScripts: [Int32: Int32] = [:]
        var workers: @Sendable () -> [String: [SlotStatus]] = { [:] }
        var lastLook: LocalInstant?
    }

    private let queues: [String]
    private let fleet: String?
    private let pond: Pond
    private let clock: LocalClock
    private let logger: Logger
    private let state = Mutex(State())
    private let gauges = GaugeSet()
    private let enqueued = CounterSet(.jobsEnqueued)
    private let done = CounterSet(.jobsDone)
    private let dropped = CounterSet(.jobsDropped)
    private let levels: LevelMetrics
    private let limits: LimitMetrics
    private let counts: WorkerCounts?
    /// Scrapes that come faster than this get the same numbers, so that nobody can make Redis work by asking.
    private static let freshTime = Duration.seconds(1)

    /// - Parameters:
    ///   - queues: those that the fleet serves.
    ///   - name: the fleet's; nil for a fixed number of workers, which nobody leads.
    ///   - counts: what the workers counted; nil when nobody listens.
    init(
        queues: [String],
        name: String?,
        pond: Pond,
        counts: WorkerCounts?,
        clock: LocalClock = .system,
        logger: Logger
    ) {
        self.counts = counts
        self.queues = queues
        fleet = name
        self.pond = pond
        self.clock = clock
        self.logger = logger
        levels = LevelMetrics(pond: pond, clock: clock, logger: logger)
        limits = LimitMetrics(pond: pond, clock: clock, logger: logger)
    }

    /// What workers that serve several queues are called.
    static func label(_ queues: [String]) -> String { queues.joined(separator: ",") }

    /// Names who knows the workers of this supervisor.
    func workers(_ workers: @escaping @Sendable () -> [String: [SlotStatus]]) {
        state.withLock { $0.workers = workers }
    }

    /// Takes an event of the workers of a queue in.
    func note(_ event: FleetEvent, of queue: String) {
        guard Metric.isAnybodyListening else { return }
        let now = clock.now()
        switch event {
        case .spawned(_, let pid):
            counts?.began(pid)
            Metric.workerStarts.counter(queue).increment()
            state.withLock { $0.spawned[pid] = now }
        case .startedByScript(_, let pid, let worker):
            // A script may start one after the other.
            if let before = state.withLock({ $0.behindScripts.updateValue(worker, forKey: pid) }) {
                counts?.ended(before)
            }
            counts?.began(worker)
        case .ready(_, let pid):
            guard let spawned = state.withLock({ $0.spawned.removeValue(forKey: pid) }) else { return }
            Metric.workerSpawn.timer(queue).record(spawned.duration(to: now))
        case .exited(_, let pid, let status, let wasExpected):
            if let pid {
                counts?.ended(pid)
                let worker = state.withLock { state in
                    state.spawned[pid] = nil
                    return state.behindScripts.removeValue(forKey: pid)
                }
                if let worker { counts?.ended(worker) }
            }
            Metric.workerExits.counter(queue, wasExpected ? "stopped" : status.reason).increment()
        default: break
        }
    }

    /// Takes in what the host has seen of its fleet.
    func note(_ look: FleetLook) {
        guard Metric.isAnybodyListening else { return }
        state.withLock { $0.look = look }
        if let fleet { Metric.leader.gauge(fleet).set(look.isLeader ? 1 : 0) }
        guard look.isLeader, let plan = look.plan else { return }
        for decision in plan.decisions.values where decision.to != decision.from {
            let direction = decision.to > decision.from ? "up" : "down"
            Metric.scaleDecisions.counter(decision.queue, direction, decision.limit.rawValue).increment()
        }
    }

    /// Brings the gauges up to date.
    @Sendable func look() async {
        let now = clock.now()
        let (look, workers) = state.withLock { state -> (FleetLook?, (@Sendable () -> [String: [SlotStatus]])?) in
            if let last = state.lastLook, last.duration(to: now) < Self.freshTime { return (nil, nil) }
            state.lastLook = now
            return (state.look, state.workers)
        }
        guard let workers else { return }
        var readings = FleetMetrics.readings(of: workers()) + (counts?.readings ?? [])
        var depths: [String: Depth] = [:]
        if fleet == nil || look?.isLeader == true { depths = await measure() }
        for (queue, depth) in depths { readings += depth.readings(of: queue) }
        readings += await levels.readings(of: depths)
        readings += await limits.readings(of: depths)
        if let look, look.isLeader { readings += look.readings }
        gauges.say(readings)
        enqueued.say(depths.mapValues { Int64($0.added) })
        done.say(depths.mapValues { Int64($0.done) })
        dropped.say(depths.mapValues { Int64($0.dropped) })
    }

    /// Every queue that can be measured.
    private func measure() async -> [String: Depth] {
        await withTaskGroup(of: (String, Depth?).self) { group in
            for queue in queues { group.addTask { (queue, await self.depth(of: queue)) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func depth(of queue: String) async -> Depth? {
        do {
            return try await pond.queue(queue).depth()
        } catch {
            logger.warning("a queue is missing in the metrics", metadata: ["queue": "\(queue)", "error": "\(error)"])
            return nil
        }
    }

    private static func readings(of workers: [String: [SlotStatus]]) -> [GaugeSet.Reading] {
        workers.flatMap { queue, statuses in
            [SlotStatus.State.starting, .ready, .draining, .backoff, .parked].map { state in
                let count = statuses.count { $0.state == state }
                return GaugeSet.Reading(.workers, queue, state.rawValue, value: Double(count))
            }
        }
    }
}

extension Depth {
    fileprivate func readings(of queue: String) -> [GaugeSet.Reading] {
        [
            .init(.queueJobs, queue, "waiting", value: Double(ready)),
            .init(.queueJobs, queue, "in_flight", value: Double(inFlight)),
            .init(.queueJobs, queue, "held", value: Double(held)),
            .init(.queueJobs, queue, "dead", value: Double(dead)),
            .init(.queueJobs, queue, "limited", value: Double(limited)),
            .init(.queueOldestAge, queue, value: oldestReady.inSeconds),
            .init(.queuePaused, queue, value: isPaused ? 1 : 0),
            .init(.queueWorkers, queue, value: Double(workers)),
        ]
    }
}

extension FleetLook {
    private static let holds: [(why: String, limit: LimitingFactor)] = [
        ("verify", .verifyHold), ("crash_loop", .crashLoop), ("stale", .stale), ("pinned", .pinned),
    ]

    /// What only the leader knows.
    fileprivate var readings: [GaugeSet.Reading] {
        let decisions = plan.map { Array($0.decisions.values) } ?? []
        return decisions.flatMap { FleetLook.readings($0) } + loads.flatMap { FleetLook.readings($0.key, $0.value) }
    }

    private static func readings(_ decision: ScalingDecision) -> [GaugeSet.Reading] {
        let queue = decision.queue
        return [
            .init(.queueWaitTarget, queue, value: decision.waitTarget),
            .init(.queueArrival, queue, value: decision.arrivalRate),
            .init(.queueService, queue, value: decision.serviceTime),
            .init(.scaleDemand, queue, value: Double(decision.demand)),
            .init(.scaleGranted, queue, value: Double(decision.to)),
        ] + holds.map { .init(.scaleHold, queue, $0.why, value: decision.limit == $0.limit ? 1 : 0) }
    }

    private static func readings(_ queue: String, _ load: QueueLoad) -> [GaugeSet.Reading] {
        let workers = load.workers.compactMap(\.load)
        return [
            .init(.queueSlots, queue, value: Double(workers.reduce(0) { $0 + $1.slots })),
            .init(.queueBusySlots, queue, value: Double(workers.reduce(0) { $0 + $1.running })),
        ]
    }
}

extension WorkerExit {
    /// How a worker ended that nobody had asked to, in few words.
    fileprivate var reason: String {
        switch self {
        case .exited(0): "ended"
        case .signaled(9): "killed"
        case .exited, .signaled: "crash"
        case .failedToStart: "not_started"
        case .unknown: "unknown"
        }
    }
}
