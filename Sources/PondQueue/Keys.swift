package import PondCore

/// Every Redis key of a queue.
///
/// All share the hash tag `{queue}`, so that each function runs in one cluster slot.
package struct Keys: Sendable, Hashable {
    /// What every function is given as its first key: `mp:{queue}`.
    package let base: String

    /// - Parameter prefix: the deployment's prefix. Defaults to `mp`.
    package init(queue: QueueName, prefix: String = "mp") {
        base = "\(prefix):{\(queue)}"
    }

    /// The stream of runnable jobs of a priority.
    package func ready(_ priority: Priority) -> String {
        stream(ReadyStream(priority))
    }

    /// The dead jobs: hash id → envelope and failure.
    package var dead: String { base + ":dead" }
    /// Dead jobs by cause.
    package var causes: String { base + ":causes" }
    /// Dead jobs by root cause.
    package var groups: String { base + ":groups" }
    /// When each held job is due.
    package var due: String { base + ":due" }
    /// What people did to the dead.
    package var audit: String { base + ":audit" }
    /// Pause flag, limits and counters.
    package var meta: String { Keys.meta(of: base) }

    /// The second key of every function, for a queue and for a fleet.
    static func meta(of base: String) -> String { base + ":meta" }

    /// Who is alive: consumer → time of its last beat.
    package var beats: String { base + ":beats" }
    /// What each worker is and does.
    package var workers: String { base + ":workers" }
    /// How much each worker has to do.
    package var load: String { base + ":load" }
    /// What happened, a batch an entry.
    package var journal: String { base + ":journal" }
    /// Wakes one idle worker for a due time that comes before its next beat.
    package var wakeUp: String { base + ":bell" }

    /// The key of a ready stream.
    package func stream(_ stream: ReadyStream) -> String {
        base + stream.suffix
    }

    /// The set of known queues of a deployment; it belongs to no queue, so it has no hash tag.
    package static func queues(prefix: String = "mp") -> String {
        "\(prefix):queues"
    }

    /// What the functions of the limits that all queues share are given as their first key.
    package static func limits(prefix: String = "mp") -> String {
        "\(prefix):{limits}"
    }

    /// The set of known fleets of a deployment.
    package static func fleets(prefix: String = "mp") -> String {
        "\(prefix):fleets"
    }
}

/// The streams that a queue's runnable jobs wait in, in the order in which they are fetched.
package enum ReadyStream: String, Sendable, CaseIterable {
    /// What was handed back or taken over: it has waited once already.
    case front = "f"
    case high = "h"
    case normal = "n"
    case low = "l"

    init(_ priority: Priority) {
        switch priority {
        case .high: self = .high
        case .normal: self = .normal
        case .low: self = .low
        }
    }

    /// What follows the queue in the stream's key.
    package var suffix: String {
        switch self {
        case .front: ":ready:front"
        case .high: ":ready:high"
        case .normal: ":ready"
        case .low: ":ready:low"
        }
    }

    /// The id of a job that was never moved: its entry's, with this stream's code when it is not the normal one,
    /// because entry ids are unique in one stream only.
    package func ownID(entry: String) -> JobID {
        JobID(self == .normal ? entry : entry + rawValue)
    }
}
