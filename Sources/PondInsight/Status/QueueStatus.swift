package import PondCore
package import PondQueue
import PondRedis
import PondSaga

/// What there is to say about one queue at a glance.
package struct QueueStatus: Sendable, Hashable, Codable {
    /// The queue.
    package var name: String
    /// What is worth saying first about it.
    package var state: State
    /// Runnable jobs that nobody has fetched.
    package var ready: Int
    /// Jobs that a worker has.
    package var inFlight: Int
    /// Scheduled and retrying jobs.
    package var held: Int
    /// Jobs that ended badly.
    package var dead: Int
    /// Sagas that wait without a slot, or are paused.
    package var waiting: Int
    /// Jobs that a limit holds back.
    package var limited: Int
    /// The limits that hold the most of them back, the fullest first; empty when nobody has looked.
    package var limits: [Limiting] = []
    /// Sagas whose undo has failed for good, and sagas that go no further before somebody says so.
    package var stuckSagas = 0, pausedSagas = 0
    /// How long the oldest runnable job has been runnable.
    @Seconds package var oldestReady: Duration
    /// When the next held job or waiting saga is due.
    @Moment package var nextDue: ServerTime?
    /// Entries ever added to the ready streams, retries included.
    package var added: Int
    /// Jobs ever done.
    package var done: Int
    /// Dead jobs that were thrown away, because there were too many.
    package var dropped: Int
    /// Workers that have beaten within their lease.
    package var workers: Int
    /// Whether workers may not fetch.
    package var isPaused: Bool
    /// Why it is paused, when somebody said.
    @OrNull package var pauseReason: String?
    /// What is wrong with a key of the queue.
    @OrNull package var fault: String?
    /// Whether it is in the list of known queues; what adds jobs without the library may not have put it there.
    package var isListed: Bool
    /// Workers that have stopped fetching by themselves, and why.
    @OrNull package var brake: Braked?
    /// Jobs that were over before they began, among the last that ended; nil when nobody has looked.
    @OrNull package var expired: Expired?
    /// Redis' clock.
    @Moment package var at: ServerTime?

    /// The key that is at fault, and how.
    package var keyFault: KeyFault?
    /// A key of another type that the depth did not meet.
    private var wrongKey: String?
    /// Whether somebody has said that its dead may be thrown away when there are too many.
    package var dropsDead = false
    /// The names of the workers that have beaten within their lease.
    package var aliveWorkers: Set<String> = []

    private enum CodingKeys: String, CodingKey {
        case name = "queue"
        case state, ready
        case inFlight = "in_flight"
        case held, dead, waiting, limited
        case limits = "limited_by"
        case stuckSagas = "stuck_sagas"
        case pausedSagas = "paused_sagas"
        case oldestReady = "oldest_ready"
        case nextDue = "next_due"
        case added, done, dropped, workers
        case isPaused = "paused"
        case pauseReason = "pause_reason"
        case fault
        case isListed = "listed"
        case brake, expired, at
    }

    /// What is worth saying first about a queue.
    package enum State: String, Sendable, Hashable, Codable {
        case ok, fault, unserved, brake, behind, paused
        /// Redis takes no writes, so it is not known which workers are alive.
        case noWrites = "no_writes"
    }

    /// Workers that have stopped fetching by themselves.
    package struct Braked: Sendable, Hashable, Codable {
        /// How many of the queue's workers.
        package var workers: Int
        /// What their last final failures had in common, in words.
        package var why: String
    }

    /// A limit that holds jobs of the queue back.
    package struct Limiting: Sendable, Hashable, Codable {
        /// The limit, by its full name.
        package var limit: String
        /// Why it has no room.
        package var reason: String
        /// How many jobs wait for it, about.
        package var jobs: Int

        /// A limit and what it holds back.
        package init(limit: String, reason: String, jobs: Int) {
            (self.limit, self.reason, self.jobs) = (limit, reason, jobs)
        }
    }

    /// Jobs that were over before they began, among the last that ended.
    package struct Expired: Sendable, Hashable, Codable {
        /// How many had expired.
        package var jobs: Int
        /// Of how many that ended.
        package var ended: Int
    }

    /// A queue whose oldest job has waited longer than this is said to be behind.
    package static let patience = Duration.seconds(60)

    /// What the queue's numbers and its workers say.
    ///
    /// - Parameters:
    ///   - workers: as their last beats show them.
    ///   - isListed: whether it is in the list of known queues. Defaults to true.
    package init(
        _ name: QueueName,
        _ depth: Depth,
        workers: [WorkerSnapshot],
        pauseReason: String?,
        isListed: Bool = true
    ) {
        let alive = workers.filter { $0.isAlive(at: depth.now) }
        (self.name, state) = (name.text, .ok)
        (ready, inFlight, held, dead) = (depth.ready, depth.inFlight, depth.held, depth.dead)
        (waiting, limited) = (depth.waiting, depth.limited)
        _oldestReady = Seconds(wrappedValue: depth.oldestReady)
        _nextDue = Moment(wrappedValue: depth.nextDue)
        (added, done, dropped) = (depth.added, depth.done, depth.dropped)
        _pauseReason = OrNull(wrappedValue: pauseReason)
        _fault = OrNull(wrappedValue: depth.fault)
        keyFault = depth.keyFault
        (isPaused, self.isListed) = (depth.isPaused, isListed)
        _at = Moment(wrappedValue: depth.now)
        self.workers = alive.count
        aliveWorkers = Set(alive.map(\.name))
        let braked = alive.filter { $0.brake != nil }
        let why = braked.first?.brake.map { Braked(workers: braked.count, why: $0.words(at: depth.now)) }
        _brake = OrNull(wrappedValue: why)
        _expired = OrNull(wrappedValue: nil)
        state = judged
    }

    /// Reads the queue in a few calls.
    package static func read(_ queue: Queue, isListed: Bool = true) async throws -> QueueStatus {
        let depth = try await queue.depth()
        // The parts of a queue that has a fault may not be readable.
        let wrong = depth.fault == nil ? try await DoctorKeys(queue).wrong() : nil
        guard depth.fault == nil, wrong == nil else {
            let workers = try await readableWorkers(of: queue)
            var status = QueueStatus(queue.name, depth, workers: workers, pauseReason: nil, isListed: isListed)
            if let wrong { status.note(wrong: wrong.key, holds: wrong.found, expected: wrong.type) }
            return status
        }
        let reason = depth.isPaused ? try await queue.pauseReason() : nil
        let workers = try await WorkerSnapshot.beating(in: queue)
        var status = QueueStatus(queue.name, depth, workers: workers, pauseReason: reason, isListed: isListed)
        try await status.lookAtOverflow(of: queue)
        try await status.lookAtLimits(of: queue)
        if depth.waiting > 0 || depth.dead > 0 {
            let counts = try await queue.sagaCounts()
            (status.stuckSagas, status.pausedSagas) = (counts[.stuck] ?? 0, counts[.paused] ?? 0)
        }
        return status
    }

    /// The workers of a queue that has a fault; none when the fault is in their own keys.
    private static func readableWorkers(of queue: Queue) async throws -> [WorkerSnapshot] {
        do {
            return try await WorkerSnapshot.beating(in: queue)
        } catch let error as QueueError where error.redis?.prefix == "WRONGTYPE" {
            return []
        }
    }

    /// Notes a key that the queue's depth does not need, and its jobs do.
    mutating func note(wrong key: String, holds found: String, expected type: String) {
        wrongKey = key
        fault = "\(key): it holds a \(found), expected is a \(type)"
        state = judged
    }

    /// Reads whether the dead that were thrown away were meant to be.
    mutating func lookAtOverflow(of queue: Queue) async throws {
        guard dropped > 0 else { return }
        dropsDead = try await queue.dropsDead()
    }

    /// Reads which limits hold jobs of the queue back.
    mutating func lookAtLimits(of queue: Queue) async throws {
        guard limited > 0 else { return }
        limits = Array(try await LimitReader(queue.pond).lanes(of: [queue]).byLimit.prefix(Self.limitsMax))
    }

    /// So many limits that hold jobs back are named.
    private static let limitsMax = 5

    /// Whether the queue has paused itself, because it has nearly as many dead as it may.
    package var isPausedByItsDead: Bool { isPaused && pauseReason == "dead_full" }

    /// Jobs that a worker should be at: runnable, due, or in flight.
    var wanting: Int { ready + inFlight + (isOverdue ? 1 : 0) }

    /// Whether a held job is past its due time by more than a worker would let it be.
    package var isOverdue: Bool {
        guard let nextDue, let at else { return false }
        return at.since(nextDue) > .seconds(2)
    }

    private var judged: State {
        if fault != nil { return .fault }
        if isPaused { return .paused }
        if workers == 0, wanting > 0 { return .unserved }
        if brake != nil { return .brake }
        return ready > 0 && oldestReady > QueueStatus.patience ? .behind : .ok
    }

    /// The state in words, for a table.
    package var words: String {
        switch state {
        case .ok: "ok"
        case .fault: "fault: \(shortFault ?? "")"
        case .unserved: isListed ? "no worker" : "no worker, and in no list"
        case .noWrites: "Redis takes no writes"
        case .brake: "stopped fetching"
        case .behind: "behind"
        case .paused: pauseReason.map { "paused: \($0)" } ?? "paused"
        }
    }

    /// What is wrong with a key, in fewer words than the server's.
    package var shortFault: String? {
        if let wrongKey { return "the key \(wrongKey) is of another type" }
        guard let keyFault, keyFault.code == "WRONGTYPE" else { return fault }
        return "the key \(keyFault.key) is of another type"
    }
}
