import Logging
import PondCore
import PondQueue
import PondTelemetry
import Synchronization

/// What is told of how queues keep their promises, and of their dead by root cause.
///
/// That asks more of Redis than sizes do, and changes by five minutes at a time, so it is read at a slower pace: one call a
/// queue, and another one where jobs are dead.
final class LevelMetrics: Sendable {
    private struct State {
        var lastRead: ContinuousClock.Instant?
        var levels: [String: QueueLevels] = [:]
        var hasWarned = false
    }

    private let pond: Pond
    private let clock: LocalClock
    private let logger: Logger
    private let state = Mutex(State())
    /// How long what was read is told again.
    static let pace = Duration.seconds(15)
    /// Classes that are told of: each has 15 series of a metric, and a metric may have 1,000.
    static let classesMax = 60

    init(pond: Pond, clock: LocalClock, logger: Logger) {
        self.pond = pond
        self.clock = clock
        self.logger = logger
    }

    /// What is to be told of queues that could be measured just now; of no queue, what was read is forgotten.
    func readings(of depths: [String: Depth]) async -> [GaugeSet.Reading] {
        guard !depths.isEmpty else {
            state.withLock { $0 = State(hasWarned: $0.hasWarned) }
            return []
        }
        if isDue() {
            let levels = await read(depths)
            state.withLock { $0.levels = levels }
        }
        let levels = state.withLock(\.levels).filter { depths[$0.key] != nil }.sorted { $0.key < $1.key }
        return levels.flatMap { $0.value.groupReadings(of: $0.key) } + bounded(levels)
    }

    private func isDue() -> Bool {
        let now = clock.now()
        return state.withLock { state in
            if let last = state.lastRead, last.duration(to: now) < Self.pace { return false }
            state.lastRead = now
            return true
        }
    }

    private func read(_ depths: [String: Depth]) async -> [String: QueueLevels] {
        await withTaskGroup(of: (String, QueueLevels?).self) { group in
            for (name, depth) in depths { group.addTask { (name, await self.levels(of: name, depth)) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func levels(of name: String, _ depth: Depth) async -> QueueLevels? {
        do {
            let queue = try pond.queue(name)
            let reading = try await queue.serviceLevels(over: QueueLevels.windows.map(\.time))
            return QueueLevels(reading, groups: depth.dead > 0 ? try await queue.groups() : [])
        } catch {
            logger.warning(
                "a queue's service levels are missing in the metrics",
                metadata: ["queue": "\(name)", "error": "\(error)"]
            )
            return nil
        }
    }

    /// The levels of as many classes as have room: one too many would be counted with others, and tell of none.
    private func bounded(_ levels: [(key: String, value: QueueLevels)]) -> [GaugeSet.Reading] {
        let all = levels.flatMap { queue, levels in levels.classReadings(of: queue) }
        if all.count > Self.classesMax,
            !state.withLock({ state in
                defer { state.hasWarned = true }
                return state.hasWarned
            })
        {
            logger.warning(
                "the metrics tell of the service levels of the first classes only",
                metadata: ["classes": "\(all.count)", "told": "\(Self.classesMax)"]
            )
        }
        return all.prefix(Self.classesMax).flatMap { $0 }
    }
}

/// How one queue keeps its promises, and how many root causes have dead jobs.
struct QueueLevels: Sendable {
    /// The times over which burn rates are told, and the time of the budget last.
    static let windows: [(name: String, time: Duration)] = [
        ("5m", .seconds(300)), ("30m", .seconds(1_800)), ("1h", .seconds(3_600)), ("6h", .seconds(21_600)),
        ("3d", .seconds(259_200)), ("30d", SLOAttainment.budgetTime),
    ]

    private let reading: SLOReading
    private let groups: [DeadGroup.State: Int]

    /// - Parameter reading: over ``windows``.
    init(_ reading: SLOReading, groups: [DeadGroup]) {
        self.reading = reading
        self.groups = groups.reduce(into: [:]) { if $1.count > 0 { $0[$1.state, default: 0] += 1 } }
    }

    func groupReadings(of queue: String) -> [GaugeSet.Reading] {
        DeadGroup.State.allCases.map { state in
            .init(.deadGroups, queue, state.rawValue, value: Double(groups[state] ?? 0))
        }
    }

    /// By class, of those that ended a job within 30 days or have one that is late.
    func classReadings(of queue: String) -> [[GaugeSet.Reading]] {
        reading.classes.filter { ($0.counts.last?.jobs ?? 0) + $0.late.about > 0 }.map { found in
            let late = GaugeSet.Reading(.sloLateJobs, queue, found.jobClass.rawValue, value: Double(found.late.about))
            return [late] + SLOPromise.allCases.flatMap { readings(of: queue, found, $0) }
        }
    }

    private func readings(of queue: String, _ found: SLOReading.Class, _ promise: SLOPromise) -> [GaugeSet.Reading] {
        let (name, target) = (found.jobClass.rawValue, reading.promises.target(of: found.jobClass))
        // Who waits for longer than allowed has broken that promise already, and may keep the others yet.
        let late = promise == .wait ? found.late.about : 0
        let kept = found.counts.map { SLOAttainment($0, promise, target, late: late) }
        var readings: [GaugeSet.Reading] = [
            .init(.sloObjective, queue, name, promise.rawValue, value: target.objective(promise)),
            .init(.sloBudgetRemaining, queue, name, promise.rawValue, value: kept.last?.budgetLeft ?? 1),
        ]
        for (window, kept) in zip(Self.windows, kept).dropLast() {
            readings += [
                .init(.sloJobs, queue, name, promise.rawValue, window.name, value: Double(kept.jobs)),
                .init(.sloBadJobs, queue, name, promise.rawValue, window.name, value: Double(kept.bad)),
                // No job breaks no promise.
                .init(.sloBurnRate, queue, name, promise.rawValue, window.name, value: kept.burnRate ?? 0),
            ]
        }
        return readings
    }
}
