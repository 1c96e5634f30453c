import PondCore
import PondInsight
import PondScaling

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
