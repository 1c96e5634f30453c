import Logging
import PondCore
import PondQueue
import PondSaga
import PondTelemetry
import Synchronization

/// What is told of how queues keep their promises, and of their dead by root cause.
///
/// That asks more of Redis than sizes do, and changes by five minutes at a time, so it is read at a slower pace: two calls a
/// queue, one of them for its sagas, and another one where jobs are dead. A month of four busy classes takes Redis 6 ms, so it is read still more rarely.
final class LevelMetrics: Sendable {
    private struct State {
        var lastRead: LocalInstant?
        var levels: [String: QueueLevels] = [:]
        var budgets: [String: Budget] = [:]
        /// What happened to the budgets of intents; empty where there are none.
        var money: [String: Int64] = [:]
        var hasWarned = false
    }

    /// What ended within 30 days in a queue.
    private struct Budget {
        var read: LocalInstant
        var counts: [JobClass: SLOCounts]
    }

    private let pond: Pond
    private let clock: LocalClock
    private let logger: Logger
    private let state = Mutex(State())
    /// How long what was read is told again.
    static let pace = Duration.seconds(15)
    /// How long what was read of a month is told again.
    static let budgetPace = Duration.seconds(300)
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
            let (levels, money) = await (read(depths), readMoney())
            state.withLock { ($0.levels, $0.money) = (levels, money) }
        }
        let levels = state.withLock(\.levels).filter { depths[$0.key] != nil }.sorted { $0.key < $1.key }
        return levels.flatMap { $0.value.groupReadings(of: $0.key) + $0.value.sagaReadings(of: $0.key) }
            + bounded(levels) + moneyReadings()
    }

    private static let moneyEvents = [
        "opened", "granted", "waits", "refused", "exhausted", "overruns", "charged", "lapsed", "adjusted", "wanted",
    ]

    /// Nothing where no intent ever had a budget.
    private func moneyReadings() -> [GaugeSet.Reading] {
        let money = state.withLock(\.money)
        guard !money.isEmpty else { return [] }
        return Self.moneyEvents.map { .init(.budgetEvents, $0, value: Double(money[$0] ?? 0)) }
    }

    private func readMoney() async -> [String: Int64] {
        do {
            let counts = try await pond.ledger.counts()
            return counts["opened"] ?? 0 > 0 || counts["granted"] ?? 0 > 0 ? counts : [:]
        } catch {
            logger.warning("the budgets are missing in the metrics", metadata: ["error": "\(error)"])
            return [:]
        }
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
            let now = clock.now()
            let known = state.withLock { $0.budgets[name] }.flatMap {
                $0.read.duration(to: now) < Self.budgetPace ? $0.counts : nil
            }
            let windows = QueueLevels.windows.map(\.time)
            let reading = try await queue.serviceLevels(
                over: windows + (known == nil ? [SLOAttainment.budgetTime] : [])
            )
            let budget = known ?? reading.classes.reduce(into: [:]) { $0[$1.jobClass] = $1.counts.last }
            if known == nil { state.withLock { $0.budgets[name] = Budget(read: now, counts: budget) } }
            var found = QueueLevels(reading, budget: budget, groups: depth.dead > 0 ? try await queue.groups() : [])
            found.sagas = try await queue.sagaCensus()
            return found
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
    /// The times over which burn rates are told, the longest last.
    static let windows: [(name: String, time: Duration)] = [
        ("5m", .seconds(300)), ("30m", .seconds(1_800)), ("1h", .seconds(3_600)), ("6h", .seconds(21_600)),
        ("3d", .seconds(259_200)),
    ]

    private let reading: SLOReading
    private let budget: [JobClass: SLOCounts]
    private let groups: [DeadGroup.State: Int]
    /// How many sagas are in each state, and for how long the time of one has been over; none for a queue without.
    var sagas: (counts: [SagaRecord.State: Int], overdue: Duration) = ([:], .zero)

    /// - Parameters:
    ///   - reading: over ``windows`` at least.
    ///   - budget: what ended within 30 days; may be some minutes old.
    init(_ reading: SLOReading, budget: [JobClass: SLOCounts], groups: [DeadGroup]) {
        self.reading = reading
        self.budget = budget
        self.groups = groups.reduce(into: [:]) { if $1.count > 0 { $0[$1.state, default: 0] += 1 } }
    }

    func groupReadings(of queue: String) -> [GaugeSet.Reading] {
        DeadGroup.State.allCases.map { state in
            .init(.deadGroups, queue, state.rawValue, value: Double(groups[state] ?? 0))
        }
    }

    /// Nothing for a queue without sagas.
    func sagaReadings(of queue: String) -> [GaugeSet.Reading] {
        guard !sagas.counts.isEmpty else { return [] }
        return SagaRecord.State.allCases.filter { !$0.isFinal }.map { state in
            .init(.sagas, queue, state.rawValue, value: Double(sagas.counts[state] ?? 0))
        } + [.init(.sagaTimerOverdue, queue, value: sagas.overdue.inSeconds)]
    }

    /// By class, of those that ended a job within 30 days or have one that is late.
    func classReadings(of queue: String) -> [[GaugeSet.Reading]] {
        reading.classes.filter { budget(of: $0).jobs + $0.late.about > 0 }.map { found in
            let late = GaugeSet.Reading(.sloLateJobs, queue, found.jobClass.rawValue, value: Double(found.late.about))
            return [late] + SLOPromise.allCases.flatMap { readings(of: queue, found, $0) }
        }
    }

    /// A class that is busy only now has more in three days than it had in thirty, some minutes ago.
    private func budget(of found: SLOReading.Class) -> SLOCounts {
        let lately = found.counts[Self.windows.count - 1]
        guard let known = budget[found.jobClass], known.jobs > lately.jobs else { return lately }
        return known
    }

    private func readings(of queue: String, _ found: SLOReading.Class, _ promise: SLOPromise) -> [GaugeSet.Reading] {
        let (name, target) = (found.jobClass.rawValue, reading.promises.target(of: found.jobClass))
        // Who waits for longer than allowed has broken that promise already, and may keep the others yet.
        let late = promise == .wait ? found.late.about : 0
        let month = SLOAttainment(budget(of: found), promise, target, late: late)
        var readings: [GaugeSet.Reading] = [
            .init(.sloObjective, queue, name, promise.rawValue, value: target.objective(promise)),
            .init(.sloBudgetRemaining, queue, name, promise.rawValue, value: month.budgetLeft ?? 1),
        ]
        for (window, counts) in zip(Self.windows, found.counts) {
            let kept = SLOAttainment(counts, promise, target, late: late)
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
