import Millpond
import PondCore
import PondInsight
import PondQueue

extension DashFrame {
    /// The limits, and the lanes that wait for the one under the cursor.
    mutating func drawLimits() {
        let top = body.lowerBound
        guard let limits = model.limits?.limits else { return drawMissing(top) }
        guard !limits.isEmpty else {
            canvas.put("no limit is set; pond limit set NAME '60/m burst 10' sets one", top, 3, .dim)
            return
        }
        let cursor = min(max(0, model.row), limits.count - 1)
        let waiting = limits[cursor].lanes
        let laneRows = waiting.isEmpty ? 0 : min(waiting.count, max(1, body.count / 3))
        let rows = max(1, body.count - 1 - (laneRows > 0 ? laneRows + 3 : 0))
        drawLimitTable(limits, top, rows: rows, cursor: cursor)
        let below = top + 2 + min(rows, limits.count)
        if laneRows > 0, body.contains(below) { drawLanes(limits[cursor], below, laneRows) }
    }

    /// Wide enough for each, the least needed last, so that it is the one that is left out.
    private static let numbers: [(title: String, width: Int, text: @Sendable (LimitView) -> String)] = [
        ("WAITING", 8, { DashText.count($0.waiting) }), ("RUNNING", 8, { DashText.count($0.running) }),
        ("ADMITTED", 9, { DashText.count($0.admitted) }), ("WAITED", 7, { DashText.count($0.refused) }),
        ("FAILED", 7, { DashText.count($0.failed) }), ("LEARNED", 8, { LimitText.percent($0.learned) }),
    ]

    private mutating func drawLimitTable(_ limits: [LimitView], _ top: Int, rows: Int, cursor: Int) {
        let name = 3..<3 + min(max(8, limits.map(\.name.count).max() ?? 8), max(8, columns / 4))
        let allows = name.upperBound + 1..<name.upperBound + 1 + min(28, max(8, columns / 5))
        var shown = Self.numbers
        while allows.upperBound + shown.reduce(12, { $0 + $1.width }) > columns, shown.count > 2 { shown.removeLast() }
        canvas.put("LIMIT", top, name.lowerBound, .dim)
        canvas.put("ALLOWS", top, allows.lowerBound, .dim, width: allows.count)
        var column = allows.upperBound
        for number in shown {
            column += number.width
            canvas.putRight(number.title, top, before: column, width: number.width, .dim)
        }
        canvas.put("STATE", top, column + 2, .dim)
        let start = max(0, min(cursor - rows / 2, limits.count - rows))
        for (offset, limit) in limits.dropFirst(start).prefix(rows).enumerated() {
            let row = top + 1 + offset
            guard body.contains(row) else { return }
            canvas.put(limit.name, row, name.lowerBound, .bold, width: name.count)
            canvas.put(limit.definition, row, allows.lowerBound, width: allows.count)
            var column = allows.upperBound
            for number in shown {
                column += number.width
                let text = number.text(limit)
                canvas.putRight(text, row, before: column, width: number.width - 1, text == "0" ? .dim : .plain)
            }
            canvas.put(limit.stateWords, row, column + 2, DashStyle(limit.state.tint ?? .green))
            mark(row, start + offset == cursor, name)
        }
    }

    private mutating func drawLanes(_ limit: LimitView, _ top: Int, _ rows: Int) {
        drawTitle("Waiting for \(limit.name)", top, note: limit.waiting.of("job"))
        let lane = 3..<3 + max(12, columns / 3)
        canvas.put("LANE", top + 1, lane.lowerBound, .dim)
        canvas.putRight("WAITING", top + 1, before: lane.upperBound + 9, width: 8, .dim)
        canvas.put("QUEUE", top + 1, lane.upperBound + 11, .dim, width: 14)
        canvas.put("WHY, AND WHEN THE NEXT GOES", top + 1, lane.upperBound + 26, .dim)
        for (offset, item) in limit.lanes.prefix(rows).enumerated() where body.contains(top + 2 + offset) {
            let row = top + 2 + offset
            canvas.put(item.lane, row, lane.lowerBound, width: lane.count)
            canvas.putRight(DashText.count(item.waiting), row, before: lane.upperBound + 9, width: 8)
            canvas.put(item.queue, row, lane.upperBound + 11, .dim, width: 14)
            canvas.put("\(item.reason), \(LimitText.due(item, at: limit.now))", row, lane.upperBound + 26)
        }
    }
}
