import PondCore
import PondInsight
import PondScaling

/// A queue at one moment, as the dashboard keeps it.
struct QueueSample: Sendable, Hashable {
    /// A worker whose beat is fresh.
    struct Worker: Sendable, Hashable {
        var name: String
        var slot: Int?
        var pid: Int32?
        var running: Int?
        var slots: Int?
        var ended: Int?
        var sinceBeat: Duration
    }

    var name: String
    /// Redis' clock.
    var at: ServerTime
    var ready = 0
    var inFlight = 0
    var held = 0
    var dead = 0
    /// How long the oldest runnable job has waited.
    var oldest = Duration.zero
    /// Jobs that ever became runnable.
    var arrivals = 0
    /// Jobs ever done.
    var done = 0
    var isPaused = false
    var pauseReason: String?
    var fault: String?
    var workers: [Worker] = []
    /// What a fleet decided about it last.
    var decision: ScalingDecision?

    /// How long a job may wait; nil when nobody said.
    var target: Duration? {
        decision.flatMap { $0.waitTarget > 0 ? .milliseconds(Int64(min($0.waitTarget, 1e9) * 1_000)) : nil }
    }

    /// Whether the oldest job has waited longer than it may.
    var isLate: Bool { target.map { ready > 0 && oldest > $0 } ?? false }
}

/// A fleet at one moment.
struct FleetSample: Sendable {
    /// A host of it.
    struct Host: Sendable, Hashable {
        var name: String
        var leads = false
        var sinceSeen = Duration.zero
        var running = 0
        var starting = 0
        var draining = 0
        var room: Int?
        var cpuWait: Double?
    }

    var name: String
    /// One line that says how it stands.
    var verdict: String
    var isStale = false
    var hosts: [Host] = []
    /// The decisions that were kept, newest first.
    var decisions: [ScalingDecision] = []
    /// People's orders in force, in words.
    var orders: [String] = []
}

/// All that one look at Redis shows.
struct DashLook: Sendable {
    /// Redis' clock.
    var at: ServerTime
    /// As `pond status` calls it: `ok`, `empty`, or the kind of the worst concern.
    var health: String
    /// The line of `pond status`.
    var verdict: String
    var queues: [QueueSample] = []
    /// Nil when there is none, or none was named among several.
    var fleet: FleetSample?
    /// Why there is no fleet to show.
    var fleetNote = ""

    /// The queue that is the most beyond its target; nil when none is.
    var mostLate: QueueSample? {
        func lateness(_ queue: QueueSample) -> Double { queue.oldest / (queue.target ?? .seconds(1)) }
        return queues.filter(\.isLate).max { lateness($0) < lateness($1) }
    }

    /// The health, with `late` for a queue beyond its own target, which `pond status` does not know.
    var state: String {
        guard mostLate != nil else { return health }
        // What jobs are late for is worse than those that are dead already, and not as bad as what nobody serves.
        let isLesser = Concern.Kind(rawValue: health).map { $0 > .behind } ?? (health == "ok")
        return isLesser ? "late" : health
    }

    /// Whether jobs are lost or do not run.
    var isGrave: Bool { Concern.Kind(rawValue: health)?.isGrave ?? false }
}
