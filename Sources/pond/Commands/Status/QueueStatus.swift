import Millpond
import PondCore
import PondQueue

/// What there is to say about one queue at a glance.
struct QueueStatus {
    let name: QueueName
    let depth: Depth
    let pauseReason: String?
    /// The workers whose beat is fresh.
    let aliveWorkers: Set<Consumer>

    /// What is worth saying first about the queue.
    enum State: String {
        case ok, fault, unserved, behind, paused
    }

    /// A queue whose oldest job has waited longer than this is said to be behind.
    static let patience = Duration.seconds(60)

    static func read(_ queue: Queue) async throws -> QueueStatus {
        let depth = try await queue.depth()
        // The parts of a queue that has a fault may not be readable.
        guard depth.fault == nil else {
            return QueueStatus(name: queue.name, depth: depth, pauseReason: nil, aliveWorkers: [])
        }
        let reason = depth.isPaused ? try await queue.pauseReason() : nil
        var alive: Set<Consumer> = []
        if depth.workers > 0 {
            for worker in try await queue.workers() {
                if let beat = worker.lastBeat, depth.now.since(beat) <= Limits.lease { alive.insert(worker.consumer) }
            }
        }
        return QueueStatus(name: queue.name, depth: depth, pauseReason: reason, aliveWorkers: alive)
    }

    /// Jobs that a worker should be at: runnable, due, or in flight.
    var wanting: Int { depth.ready + depth.inFlight + (isOverdue ? 1 : 0) }

    /// Whether a held job is past its due time by more than a worker would let it be.
    var isOverdue: Bool {
        depth.nextDue.map { depth.now.since($0) > .seconds(2) } ?? false
    }

    var state: State {
        if depth.fault != nil { return .fault }
        if depth.isPaused { return .paused }
        if depth.workers == 0, wanting > 0 { return .unserved }
        return depth.oldestReady > QueueStatus.patience ? .behind : .ok
    }

    /// The state in words, for a table.
    var words: String {
        switch state {
        case .ok: "ok"
        case .fault: "fault: \(fault ?? "")"
        case .unserved: "no worker"
        case .behind: "behind"
        case .paused: pauseReason.map { "paused: \($0)" } ?? "paused"
        }
    }

    /// What is wrong with a key, in fewer words than the server's.
    var fault: String? {
        guard let fault = depth.fault, let key = fault.firstRange(of: ": WRONGTYPE ") else { return depth.fault }
        return "the key \(fault[..<key.lowerBound]) is of another type"
    }

    private var tint: Tint? {
        switch state {
        case .ok: nil
        case .fault, .unserved: .red
        case .behind, .paused: .yellow
        }
    }

    static let columns: [Table.Column] = [
        .text("QUEUE"), .number("READY"), .number("IN FLIGHT"), .number("HELD"), .number("DEAD"), .number("OLDEST"),
        .number("WORKERS"), .number("DONE"), .flexible("STATE"),
    ]

    var row: [Table.Cell] {
        [
            .text(name.text, .bold), .count(depth.ready), .count(depth.inFlight), .count(depth.held),
            .count(depth.dead, depth.dead > 0 ? .red : nil),
            .text(depth.ready > 0 ? depth.oldestReady.human : "-"),
            .count(depth.workers, state == .unserved ? .red : nil), .count(depth.done), .text(words, tint),
        ]
    }

    var json: JSONValue {
        .object([
            ("queue", .string(name.text)), ("state", .string(state.rawValue)), ("ready", .count(depth.ready)),
            ("in_flight", .count(depth.inFlight)), ("held", .count(depth.held)), ("dead", .count(depth.dead)),
            ("oldest_ready", .seconds(depth.oldestReady)), ("next_due", .time(depth.nextDue)),
            ("added", .count(depth.added)), ("done", .count(depth.done)), ("dropped", .count(depth.dropped)),
            ("workers", .count(depth.workers)), ("paused", .bool(depth.isPaused)),
            ("pause_reason", .text(pauseReason)), ("fault", .text(depth.fault)), ("at", .time(depth.now)),
        ])
    }
}
