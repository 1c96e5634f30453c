/// A host as placement sees it: what it has of each queue, what it is to have, and what it could take.
struct HostRoom: Sendable {
    /// One queue on this host.
    struct Pool: Sendable {
        /// Workers that it is to have as things stand: the last plan's, or what runs when there was none.
        var assigned: Int
        /// What runs, and what drains.
        var running: Int
        var draining: Int
        var isCrashLooping: Bool
        /// Workers that the plan in the making gives it.
        var target: Int

        init(_ report: PoolReport, assigned: Int?) {
            running = report.running.clamped(to: 0...HostRoom.workersMax)
            draining = report.draining.clamped(to: 0...HostRoom.workersMax)
            isCrashLooping = report.isCrashLooping
            self.assigned = (assigned ?? running).clamped(to: 0...HostRoom.workersMax)
            target = self.assigned
        }

        /// The processes that there may be at once with so many workers planned.
        ///
        /// What runs above the last plan is going to drain, and must not be counted as the new plan's; what the last plan
        /// has above what runs may have been started since the report.
        func occupied(planned: Int) -> Int {
            max(running, assigned, planned + max(0, running - assigned)) + draining
        }
    }

    /// More than any host has; a report with more is broken, and sums of it must not overflow.
    private static let workersMax = 1_000_000

    let id: String
    let capacity: Int
    /// What it carries of workers that queues are owed, which is no less.
    let owedCapacity: Int
    let limit: LimitingFactor
    let mayGrow: Bool
    /// Workers that may be added in one plan; nil for as many as there is room for.
    let growthMax: Int?
    /// Of the queues that this host can run.
    var pools: [String: Pool] = [:]
    /// Processes of queues that nobody speaks of any more: they are to go, and until then they take room.
    private let strangers: Int

    init(_ report: HostReport, queues: Set<String>, previous: [String: Int]?) {
        id = report.id
        capacity = report.workersMax.clamped(to: 0...HostRoom.workersMax)
        owedCapacity = max(capacity, (report.owedMax ?? 0).clamped(to: 0...HostRoom.workersMax))
        limit = report.limit
        mayGrow = report.mayGrow
        growthMax = report.growthMax
        var strangers = 0
        for (queue, pool) in report.pools {
            if queues.contains(queue) {
                pools[queue] = Pool(pool, assigned: previous?[queue])
            } else {
                let stranger = Pool(pool, assigned: 0)
                strangers += stranger.running + stranger.draining
            }
        }
        self.strangers = strangers
    }

    /// Workers that it is to have of all queues.
    var assigned: Int { pools.values.reduce(0) { $0 + $1.assigned } }

    /// Workers that the plan in the making gives it.
    var target: Int { pools.values.reduce(0) { $0 + $1.target } }

    /// The processes that there may be at once under the plan in the making.
    var occupied: Int { pools.values.reduce(strangers) { $0 + $1.occupied(planned: $1.target) } }

    /// Whether it may have more of a queue, if it has room.
    ///
    /// - Parameter isOwed: for a worker that the queue is owed, pressure is no reason: a busy host is slow, a queue
    ///   without a worker stands still.
    func canGrow(_ queue: String, isOwed: Bool = false) -> Bool {
        guard let pool = pools[queue], !pool.isCrashLooping else { return false }
        return isOwed || (mayGrow && growthMax.map { added < $0 } ?? true)
    }

    /// Workers that the plan in the making adds.
    private var added: Int { pools.values.reduce(0) { $0 + max(0, $1.target - $1.assigned) } }

    /// The most of a queue that it could have.
    func reach(_ queue: String, isOwed: Bool) -> Int {
        guard let pool = pools[queue] else { return 0 }
        guard canGrow(queue, isOwed: isOwed) else { return pool.assigned }
        return max(isOwed ? owedCapacity : capacity, pool.assigned)
    }
}
