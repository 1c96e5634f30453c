import Millpond
import PondInsight

extension QueueStatus {
    private var tint: Tint? {
        switch state {
        case .ok: nil
        case .fault, .unserved, .brake, .noWrites: .red
        case .behind, .paused: .yellow
        }
    }

    /// What not every deployment has.
    private struct Extras {
        var (sagas, limits) = (false, false)
    }

    /// The queues a row; how many sagas wait, and how many jobs a limit holds back, stands there only where some are.
    static func table(_ queues: [QueueStatus]) -> Table {
        var extras = Extras()
        extras.sagas = queues.contains { $0.waiting > 0 }
        extras.limits = queues.contains { $0.limited > 0 }
        var table = Table(columns(extras))
        for queue in queues { table.add(queue.row(extras)) }
        return table
    }

    private static func columns(_ extras: Extras) -> [Table.Column] {
        [.text("QUEUE"), .number("READY"), .number("IN FLIGHT"), .number("HELD")]
            + (extras.limits ? [.number("LIMITED")] : []) + (extras.sagas ? [.number("WAITING")] : [])
            + [.number("DEAD"), .number("OLDEST"), .number("WORKERS"), .number("DONE"), .flexible("STATE")]
    }

    private func row(_ extras: Extras) -> [Table.Cell] {
        [.text(name, .bold), .count(ready), .count(inFlight), .count(held)]
            + (extras.limits ? [.count(limited, limited > 0 ? .yellow : nil)] : [])
            + (extras.sagas ? [.count(waiting)] : [])
            + [
                .count(dead, dead > 0 ? .red : nil), .text(ready > 0 ? oldestReady.human : "-"),
                .count(workers, state == .unserved ? .red : nil), .count(done), .text(words, tint),
            ]
    }
}
