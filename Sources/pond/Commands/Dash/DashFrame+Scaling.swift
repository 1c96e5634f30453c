import Millpond
import PondCore
import PondScaling

extension DashFrame {
    /// The fleet: its hosts, the orders in force, and what was decided.
    mutating func drawScaling() {
        guard let fleet = model.look?.fleet else {
            for (offset, line) in fleetNote(width: columns - 6, lines: 3).enumerated() {
                canvas.put(line, body.lowerBound + 1 + offset, 3, .dim)
            }
            return
        }
        canvas.put(fleet.verdict, body.lowerBound, 3, fleet.isStale ? .yellow : .plain)
        var row = body.lowerBound + 1
        let hostRows = min(fleet.hosts.count, max(1, body.count / 5))
        drawHosts(fleet.hosts.prefix(hostRows), row)
        row += 1 + hostRows
        for order in fleet.orders.prefix(2) where body.contains(row) {
            canvas.put("order: \(order)", row, 3, .yellow)
            row += 1
        }
        let whole = chosenText(fleet)
        let top = row + (body.upperBound - row > 8 ? 1 : 0)
        drawTitle("Decisions", top, note: fleet.decisions.isEmpty ? "" : "\(fleet.decisions.count) kept, newest first")
        let count = max(0, body.upperBound - top - 1 - (whole.isEmpty ? 0 : whole.count + 1))
        let cursor = min(model.row, max(0, fleet.decisions.count - 1))
        let start = max(0, min(cursor - count / 2, fleet.decisions.count - count))
        for (offset, decision) in fleet.decisions.dropFirst(start).prefix(count).enumerated() {
            drawDecision(decision, top + 1 + offset)
            guard start + offset == cursor else { continue }
            canvas.put("▸", top + 1 + offset, 0, .bold)
            canvas.restyle(top + 1 + offset, from: 1) { $0.isReverse = true }
        }
        if fleet.decisions.isEmpty { canvas.put("none yet", top + 1, 3, .dim) }
        for (offset, line) in whole.enumerated() {
            canvas.put(line, body.upperBound - whole.count + offset, 3, offset < whole.count - 1 ? .bold : .dim)
        }
    }

    /// The decision under the cursor in full, and the numbers that it was made of.
    private func chosenText(_ fleet: FleetSample) -> [String] {
        guard body.count >= 14, !fleet.decisions.isEmpty else { return [] }
        let decision = fleet.decisions[min(model.row, fleet.decisions.count - 1)]
        let numbers =
            "demand \(decision.demand) · bounds \(decision.workersMin)-\(decision.workersMax) · slots \(decision.slots)"
            + " · load \(DashText.rate(decision.load)) · limited by \(decision.limitWords)"
        return DashText.wrapped(decision.sentence, width: columns - 6, lines: 3) + [numbers]
    }

    private mutating func drawHosts(_ hosts: ArraySlice<FleetSample.Host>, _ top: Int) {
        let titles = ["SEEN", "WORKERS", "STARTING", "STOPPING", "ROOM", "CPU WAIT"]
        let nameWidth = max(8, min(40, columns - 3 - titles.reduce(0) { $0 + max(5, $1.count) + 2 }))
        canvas.put("HOST", top, 3, .dim)
        var column = 3 + nameWidth
        for title in titles {
            column += max(5, title.count) + 2
            canvas.putRight(title, top, before: column, width: title.count, .dim)
        }
        for (offset, host) in hosts.enumerated() where body.contains(top + 1 + offset) {
            let row = top + 1 + offset
            let end = canvas.put(host.name, row, 3, host.leads ? .bold : .plain, width: nameWidth - 6)
            if host.leads { canvas.put(" leads", row, end, .green) }
            let values = [
                host.sinceSeen.human, "\(host.running)", "\(host.starting)", "\(host.draining)",
                host.room.map { "\($0)" } ?? "-", host.cpuWait.map { "\(Int(min(max($0, 0), 1) * 100))%" } ?? "-",
            ]
            var column = 3 + nameWidth
            for (title, value) in zip(titles, values) {
                column += max(5, title.count) + 2
                canvas.putRight(value, row, before: column, width: max(5, title.count), value == "0" ? .dim : .plain)
            }
        }
    }
}
