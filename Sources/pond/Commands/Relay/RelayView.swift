import Millpond
import PondCore
import PondSQLite

/// An outbox as people and programs read it.
struct RelayView {
    let status: OutboxStatus

    func show(on terminal: Terminal, asJSON: Bool) throws {
        if asJSON { return try terminal.print(document("Relay")) }
        try terminal.print(text(for: terminal))
    }

    private var verdict: String {
        let relay = status.isRelayed ? "a relay runs" : "no relay runs"
        guard let oldest = status.oldestAge else { return "Nothing waits, and \(relay)." }
        let waiting = "\(status.unsent.of("row", ("waits", "wait"))), the oldest for \(oldest.human), and \(relay)"
        let parked = status.parked.count
        return parked == 0 ? "\(waiting)." : "\(waiting); \(parked.of("lane", ("is", "are"))) parked."
    }

    private func text(for terminal: Terminal) -> String {
        guard !status.lanes.isEmpty else { return verdict }
        var table = Table([
            .text("LANE"), .number("UNSENT"), .number("OLDEST"), .number("FIRST ROW"), .flexible("STATE"),
        ])
        for lane in status.lanes {
            table.add([
                .text(lane.name, .bold), .count(lane.unsent), .text(lane.oldestAge.human), .text("\(lane.firstRow)"),
                .text(RelayView.words(lane), lane.parked != nil ? .red : lane.tries > 0 ? .yellow : nil),
            ])
        }
        return verdict + "\n\n" + table.text(for: terminal)
    }

    private static func words(_ lane: OutboxStatus.Lane) -> String {
        if let parked = lane.parked { return "parked by row \(parked.row): \(parked.reason)" }
        guard lane.tries > 0 else { return "ok" }
        return "tried \(lane.tries.of("time")): \(lane.lastError ?? "")"
    }

    /// The state of the lanes, and what the command has done.
    func document(_ kind: String, _ members: [(String, JSONValue)] = []) -> JSONDocument {
        let lanes: [JSONValue] = status.lanes.map { lane in
            .object([
                ("lane", .string(lane.name)),
                ("state", lane.parked != nil ? "parked" : lane.tries > 0 ? "waiting" : "ok"),
                ("unsent", .count(lane.unsent)), ("oldest_age", .seconds(lane.oldestAge)),
                ("first_row", .int(lane.firstRow)), ("tries", .count(lane.tries)),
                ("last_error", .text(lane.lastError)), ("parked_row", lane.parked.map { .int($0.row) } ?? .null),
                ("parked_reason", .text(lane.parked?.reason)), ("parked_at", .time(lane.parked?.since)),
            ])
        }
        return JSONDocument(
            kind: kind,
            items: lanes,
            members + [("unsent", .count(status.unsent)), ("relayed", .bool(status.isRelayed))]
        )
    }
}
