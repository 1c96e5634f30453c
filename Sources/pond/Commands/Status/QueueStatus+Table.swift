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

    static let columns: [Table.Column] = [
        .text("QUEUE"), .number("READY"), .number("IN FLIGHT"), .number("HELD"), .number("DEAD"), .number("OLDEST"),
        .number("WORKERS"), .number("DONE"), .flexible("STATE"),
    ]

    var row: [Table.Cell] {
        [
            .text(name, .bold), .count(ready), .count(inFlight), .count(held),
            .count(dead, dead > 0 ? .red : nil), .text(ready > 0 ? oldestReady.human : "-"),
            .count(workers, state == .unserved ? .red : nil), .count(done), .text(words, tint),
        ]
    }
}
