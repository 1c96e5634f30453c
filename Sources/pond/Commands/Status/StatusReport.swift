import Millpond
import PondCore
import PondQueue

/// How all queues stand, and the one line that says what matters most.
struct StatusReport {
    let queues: [QueueStatus]

    private var wait: (one: String, many: String) { ("waits", "wait") }

    init(_ queues: [QueueStatus]) {
        self.queues = queues
    }

    /// The queues in a state.
    private func those(_ state: QueueStatus.State) -> [QueueStatus] {
        queues.filter { $0.state == state }
    }

    /// What matters most: the first that applies.
    var health: String {
        if queues.isEmpty { return "empty" }
        for state in [QueueStatus.State.fault, .unserved, .behind] where !those(state).isEmpty { return state.rawValue }
        return those(.paused).contains { $0.depth.ready > 0 } ? "paused" : "ok"
    }

    /// One line that says it.
    var verdict: String {
        switch health {
        case "empty": "No queue is known yet: enqueue a job with `pond enqueue`, or start a worker."
        case "fault": faultVerdict(those(.fault))
        case "unserved": unservedVerdict(those(.unserved))
        case "behind": behindVerdict(those(.behind))
        case "paused": pausedVerdict(those(.paused).filter { $0.depth.ready > 0 })
        default: wellVerdict
        }
    }

    private func faultVerdict(_ faulty: [QueueStatus]) -> String {
        let count = faulty.count == 1 ? "1 queue has a fault" : "\(faulty.count) queues have a fault"
        return "\(count): \(faulty[0].fault ?? ""). `pond doctor` says what to do."
    }

    private func unservedVerdict(_ unserved: [QueueStatus]) -> String {
        let names = list(unserved.map(\.name))
        let pronoun = unserved.count == 1 ? "it" : "them"
        let ready = unserved.reduce(0) { $0 + $1.depth.ready }
        if ready > 0 { return "\(ready.of("job", wait)) in \(names) and no worker serves \(pronoun)." }
        let inFlight = unserved.reduce(0) { $0 + $1.depth.inFlight }
        if inFlight > 0 {
            return "\(inFlight.of("job", ("is", "are"))) in flight in \(names) and no worker is alive to take over."
        }
        return "Held jobs of \(names) are due and no worker serves \(pronoun)."
    }

    private func behindVerdict(_ behind: [QueueStatus]) -> String {
        let worst = behind.max { $0.depth.oldestReady < $1.depth.oldestReady } ?? behind[0]
        return "\(worst.name) is behind: \(worst.depth.ready.of("job", wait)), "
            + "the oldest for \(worst.depth.oldestReady.human), with \(worst.depth.workers.of("worker"))."
    }

    private func pausedVerdict(_ paused: [QueueStatus]) -> String {
        let ready = paused.reduce(0) { $0 + $1.depth.ready }
        let reason = paused.count == 1 ? paused[0].pauseReason.map { " (\($0))" } ?? "" : ""
        let verb = paused.count == 1 ? "is" : "are"
        return "\(ready.of("job", wait)) in \(list(paused.map(\.name))), which \(verb) paused\(reason)."
    }

    private var wellVerdict: String {
        let workers = queues.reduce(into: Set<Consumer>()) { $0.formUnion($1.aliveWorkers) }.count
        let oldest = queues.map(\.depth.oldestReady).max() ?? .zero
        let isWaiting = queues.contains { $0.depth.ready > 0 }
        let longest = isWaiting ? "nothing waits longer than \(oldest.human)" : "nothing waits"
        let dead = queues.reduce(0) { $0 + $1.depth.dead }
        let deadText = dead > 0 ? "; \(dead.of("dead job")), see `pond dead list`" : ""
        return "All well: \(queues.count.of("queue")), \(workers.of("worker")), \(longest)\(deadText)."
    }

    private func list(_ names: [QueueName]) -> String {
        let shown = names.prefix(3).map(\.text).joined(separator: ", ")
        return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
    }

    private var tint: Tint {
        switch health {
        case "ok", "empty": .green
        case "fault", "unserved": .red
        default: .yellow
        }
    }

    func text(for terminal: Terminal) -> String {
        let line = terminal.tinted(SafeText.escaped(verdict), tint)
        guard !queues.isEmpty else { return line }
        var table = Table(QueueStatus.columns)
        for queue in queues { table.add(queue.row) }
        return line + "\n\n" + table.text(for: terminal)
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "Status",
            [("health", .string(health)), ("verdict", .string(verdict)), ("items", .array(queues.map(\.json)))]
        )
    }
}
