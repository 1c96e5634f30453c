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

    /// The queues a row; how many sagas wait stands there only where some do.
    static func table(_ queues: [QueueStatus]) -> Table {
        let hasSagas = queues.contains { $0.waiting > 0 }
        var table = Table(columns(hasSagas))
        for queue in queues { table.add(queue.row(hasSagas)) }
        return table
    }

    private static func columns(_ hasSagas: Bool) -> [Table.Column] {
        [.text("QUEUE"), .number("READY"), .number("IN FLIGHT"), .number("HELD")]
            + (hasSagas ? [.number("WAITING")] : [])
            + [.number("DEAD"), .number("OLDEST"), .number("WORKERS"), .number("DONE"), .flexible("STATE")]
    }

    private func row(_ hasSagas: Bool) -> [Table.Cell] {
        [.text(name, .bold), .count(ready), .count(inFlight), .count(held)]
            + (hasSagas ? [.count(waiting)] : [])
            + [
                .count(dead, dead > 0 ? .red : nil), .text(ready > 0 ? oldestReady.human : "-"),
                .count(workers, state == .unserved ? .red : nil), .count(done), .text(words, tint),
            ]
    }
}
