package import PondCore
package import PondQueue
package import PondScaling

/// A queue at one moment, for screens that look again and again.
package struct QueueSample: Sendable, Hashable, Codable {
    /// A worker that has beaten within its lease.
    package struct Worker: Sendable, Hashable, Codable {
        /// Its name in the group.
        package var name: String
        /// Its place in its supervisor's fleet; nil when it has none.
        @OrNull package var slot: Int?
        /// Its process.
        @OrNull package var pid: Int32?
        /// Handlers that it runs for the queue.
        @OrNull package var running: Int?
        /// Handlers that it can run at a time.
        @OrNull package var slots: Int?
        /// Tries of the queue's jobs that have ended in it.
        @OrNull package var ended: Int?
        /// How old its last heartbeat is.
        @Seconds package var sinceBeat: Duration
        /// Why it has stopped fetching by itself; nil while it fetches.
        @OrNull package var brake: String?

        private enum CodingKeys: String, CodingKey {
            case name, slot, pid, running, slots, ended
            case sinceBeat = "since_beat"
            case brake
        }

        /// A worker, as it was seen.
        package init(
            name: String,
            slot: Int? = nil,
            pid: Int32? = nil,
            running: Int? = nil,
            slots: Int? = nil,
            ended: Int? = nil,
            sinceBeat: Duration,
            brake: String? = nil
        ) {
            self.name = name
            _slot = OrNull(wrappedValue: slot)
            _pid = OrNull(wrappedValue: pid)
            _running = OrNull(wrappedValue: running)
            _slots = OrNull(wrappedValue: slots)
            _ended = OrNull(wrappedValue: ended)
            _sinceBeat = Seconds(wrappedValue: sinceBeat)
            _brake = OrNull(wrappedValue: brake)
        }
    }

    /// The queue.
    package var name: String
    /// Redis' clock.
    @Moment package var time: ServerTime?
    /// Runnable jobs that nobody has fetched.
    package var ready = 0
    /// Jobs that a worker has.
    package var inFlight = 0
    /// Scheduled and retrying jobs.
    package var held = 0
    /// Jobs that a limit holds back.
    package var limited = 0
    /// Jobs that ended badly.
    package var dead = 0
    /// How long the oldest runnable job has waited.
    @Seconds package var oldest = Duration.zero
    /// Jobs that ever became runnable.
    package var arrivals = 0
    /// Jobs ever done.
    package var done = 0
    /// Whether workers may not fetch.
    package var isPaused = false
    /// Why it is paused, when somebody said.
    @OrNull package var pauseReason: String?
    /// What is wrong with a key of the queue.
    @OrNull package var fault: String?
    /// The workers that are alive.
    package var workers: [Worker] = []
    /// What a fleet decided about it last.
    @OrNull package var decision: ScalingDecision?

    private enum CodingKeys: String, CodingKey {
        case name = "queue"
        case time = "at"
        case ready
        case inFlight = "in_flight"
        case held, dead, limited
        case oldest = "oldest_ready"
        case arrivals, done
        case isPaused = "paused"
        case pauseReason = "pause_reason"
        case fault, workers, decision
    }

    /// An empty queue at a moment.
    package init(name: String, at time: ServerTime) {
        self.name = name
        _time = Moment(wrappedValue: time)
        _pauseReason = OrNull(wrappedValue: nil)
        _fault = OrNull(wrappedValue: nil)
        _decision = OrNull(wrappedValue: nil)
    }

    /// Redis' clock.
    package var at: ServerTime { time ?? ServerTime(milliseconds: 0) }

    /// How long a job may wait; nil when nobody said.
    package var target: Duration? {
        decision.flatMap { $0.waitTarget > 0 ? .milliseconds(Int64(min($0.waitTarget, 1e9) * 1_000)) : nil }
    }

    /// Whether the oldest job has waited longer than it may.
    package var isLate: Bool { target.map { ready > 0 && oldest > $0 } ?? false }

    /// Why a worker of it has stopped fetching by itself; nil when none has.
    package var brake: String? { workers.lazy.compactMap(\.brake).first }
}

extension QueueSample {
    /// Looks at a queue in a few reads.
    ///
    /// Each worker is alive as long as its own lease says.
    package static func read(_ queue: Queue) async throws -> (status: QueueStatus, sample: QueueSample) {
        let depth = try await queue.depth()
        var sample = QueueSample(name: queue.name.text, at: depth.now)
        var workers: [WorkerSnapshot] = []
        // The parts of a queue that has a fault may not be readable.
        if depth.fault == nil {
            let load = try await queue.load(dueSoon: .zero, later: .zero)
            workers = try await WorkerSnapshot.beating(in: queue)
            sample.arrivals = load.arrivals
            sample.takeWorkers(workers, load, at: depth.now)
            if depth.isPaused { sample.pauseReason = try await queue.pauseReason() }
        }
        let status = QueueStatus(queue.name, depth, workers: workers, pauseReason: sample.pauseReason)
        (sample.ready, sample.inFlight) = (depth.ready, depth.inFlight)
        (sample.held, sample.dead, sample.limited) = (depth.held, depth.dead, depth.limited)
        (sample.oldest, sample.done, sample.isPaused) = (depth.oldestReady, depth.done, depth.isPaused)
        sample.fault = status.shortFault
        return (status, sample)
    }

    private mutating func takeWorkers(_ sightings: [WorkerSnapshot], _ load: QueueLoad, at now: ServerTime) {
        let loads = Dictionary(load.workers.map { ($0.consumer.name, $0.load) }) { first, _ in first }
        workers = sightings.filter { $0.isAlive(at: now) }.map { worker in
            // What is said of this queue alone comes with the load; a worker with a long lease may have none just now.
            let load = loads[worker.name] ?? nil
            return Worker(
                name: worker.name,
                slot: load.flatMap { $0.supervisor == nil ? nil : $0.slot },
                pid: load?.pid,
                running: load?.running ?? worker.running,
                slots: load?.slots ?? (worker.slots > 0 ? worker.slots : nil),
                ended: load?.ended,
                sinceBeat: worker.lastBeat.map { max(.zero, now.since($0)) } ?? .zero,
                brake: worker.brake?.cause
            )
        }
    }
}
