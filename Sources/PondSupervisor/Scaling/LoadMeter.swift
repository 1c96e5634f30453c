import PondCore
package import PondQueue
package import PondScaling

/// Adds up what the workers of a queue say, so that totals go on though workers come and go.
///
/// Each worker counts from zero when it starts and is forgotten when it ends; the law wants totals that only grow.
package struct LoadMeter: Sendable {
    private struct Counters {
        var busy: Duration
        var ended: Int
        var succeeded: Int
        var seen: ServerTime
    }

    private var known: [Consumer: Counters] = [:]
    private var isFirst = true
    private var busy = Duration.zero
    private var ended = 0
    private var succeeded = 0
    private static let memory = Duration.seconds(60)

    package init() {}

    /// The law's reading of a queue.
    ///
    /// - Parameter pools: what the fleet's hosts say of their workers for this queue.
    package mutating func reading(_ load: QueueLoad, pools: [PoolReport]) -> QueueReading {
        for worker in load.workers { add(worker, at: load.now) }
        known = known.filter { load.now.since($0.value.seen) < LoadMeter.memory }
        isFirst = false
        let running = pools.reduce(0) { $0 + $1.running }
        return QueueReading(
            at: load.now,
            waiting: load.ready,
            inFlight: load.inFlight,
            oldestWait: load.oldestReady,
            dueSoon: load.dueSoon,
            dueBeforeIdle: load.dueLater,
            arrivals: load.arrivals,
            busySeconds: busy.inSeconds,
            completions: ended,
            successes: succeeded,
            workers: running,
            ready: running - pools.reduce(0) { $0 + $1.starting },
            draining: pools.reduce(0) { $0 + $1.draining },
            spawnSeconds: pools.compactMap(\.spawnSeconds).max(),
            isPaused: load.isPaused
        )
    }

    private mutating func add(_ worker: QueueLoad.Worker, at now: ServerTime) {
        guard let load = worker.load else { return }
        // What was done before anybody counted is not news; what a new worker did is.
        let start =
            isFirst
            ? Counters(busy: load.busy, ended: load.ended, succeeded: load.succeeded, seen: now)
            : Counters(busy: .zero, ended: 0, succeeded: 0, seen: now)
        let before = known[worker.consumer] ?? start
        busy += max(.zero, load.busy - before.busy)
        ended += max(0, load.ended - before.ended)
        succeeded += max(0, load.succeeded - before.succeeded)
        known[worker.consumer] = Counters(
            busy: max(load.busy, before.busy),
            ended: load.ended,
            succeeded: load.succeeded,
            seen: now
        )
    }
}

extension QueueLoad {
    /// How many jobs each process of a supervisor runs.
    package func running(of supervisor: String) -> [Int32: Int] {
        var running: [Int32: Int] = [:]
        for case let load? in workers.map(\.load) where load.supervisor == supervisor {
            running[load.pid] = load.running
        }
        return running
    }

    /// How many tries each process of a supervisor has ended.
    package func ended(of supervisor: String) -> [Int32: Int] {
        var ended: [Int32: Int] = [:]
        for case let load? in workers.map(\.load) where load.supervisor == supervisor { ended[load.pid] = load.ended }
        return ended
    }

    /// Handlers that a worker runs at a time, as most of them say; nil when none says.
    package var slots: Int? {
        let counts = Dictionary(grouping: workers.compactMap { $0.load?.slots }, by: \.self)
        return counts.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key
    }
}
