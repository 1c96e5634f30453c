import Millpond
import PondCore
import PondInsight
import PondScaling

extension DashFrame {
    /// What one chart of the screen shows.
    private struct Chart {
        let title: String
        let style: DashStyle
        let value: (QueuePoint) -> Double?
        let text: (Double) -> String
        /// What the scale goes up to at least.
        var least = 0.0
        /// A value with a line of its own.
        var limit: Double?
    }

    mutating func drawQueue() {
        guard let queue = model.chosenQueue else {
            canvas.put("no queue", body.lowerBound, 3, .dim)
            return
        }
        drawFacts(queue, body.lowerBound)
        let lines = queue.decision.map { DashText.wrapped($0.sentence, width: columns - 4, lines: rows >= 30 ? 3 : 2) }
        let texts = lines ?? fleetNote(width: columns - 4, lines: 1)
        for (offset, line) in texts.enumerated() { canvas.put(line, body.lowerBound + 1 + offset, 3, .dim) }
        let top = body.lowerBound + 1 + max(1, texts.count)
        let free = body.upperBound - top
        // Workers below keep a heading and a few rows.
        let workerRows = min(queue.workers.count, max(2, free / 4))
        let pairs = columns >= 60 ? 3 : 6
        let height = min(8, (free - workerRows - 1) / pairs - 1)
        guard height >= 1 else { return drawWorkerTable(top, of: queue, rows: free - 1) }
        let charts = charts(of: queue)
        let width = columns >= 60 ? columns / 2 : columns
        for (index, chart) in charts.enumerated() {
            let place = columns >= 60 ? (index / 2, index % 2) : (index, 0)
            draw(chart, model.history(of: queue.name), top + place.0 * (height + 1), place.1 * width, width, height)
        }
        let below = top + pairs * (height + 1)
        if below < body.upperBound { drawWorkerTable(below, of: queue, rows: body.upperBound - below - 1) }
    }

    private mutating func drawFacts(_ queue: QueueSample, _ row: Int) {
        let (mark, style) = Self.mark(queue)
        var column = canvas.put(mark, row, 1, style)
        column = canvas.put(queue.name, row, column + 1, .bold, width: max(12, columns / 3)) + 2
        var facts: [(String, String, DashStyle)] = [
            ("ready", queue.ready.grouped, .plain), ("in flight", queue.inFlight.grouped, .plain),
            ("held", queue.held.grouped, .plain), ("dead", queue.dead.grouped, queue.dead > 0 ? .red : .plain),
            ("done", queue.done.grouped, .plain), ("workers", Self.size(queue), .plain),
        ]
        if queue.limited > 0 { facts.insert(("limited", queue.limited.grouped, .yellow), at: 3) }
        if queue.isPaused {
            let reason = queue.pauseReason.map { ": \($0)" } ?? ""
            facts.insert(("paused\(reason)", "", .yellow), at: 0)
        }
        if let fault = queue.fault { facts.insert(("fault: \(fault)", "", .red), at: 0) }
        for (name, value, style) in facts where column < columns {
            column = canvas.put(name, row, column, value.isEmpty ? style : .dim)
            column = canvas.put(" " + value, row, column, style.bolder) + 2
        }
    }

    private func charts(of queue: QueueSample) -> [Chart] {
        let history = model.history(of: queue.name)
        let size = history.sizeMost
        let rate = history.points.flatMap { [$0.arriving, $0.leaving] }.max() ?? 0
        let whole: (Double) -> String = { DashText.count(Int($0)) }
        let target = queue.target?.inSeconds
        let limit = target.map { ", target \(DashText.seconds($0))" } ?? ""
        return [
            Chart(title: "ready", style: .yellow, value: \.ready, text: whole),
            Chart(
                title: "oldest\(limit)",
                style: .green,
                value: \.oldest,
                text: DashText.seconds,
                least: (target ?? 0) * 1.3,
                limit: target
            ),
            Chart(title: "arriving/s", style: .cyan, value: \.arriving, text: { DashText.rate($0) }, least: rate),
            Chart(title: "done/s", style: .green, value: \.leaving, text: { DashText.rate($0) }, least: rate),
            Chart(title: "workers", style: .cyan, value: \.workers, text: whole, least: size),
            Chart(title: "demand", style: .magenta, value: \.demand, text: whole, least: size),
        ]
    }

    private mutating func draw(
        _ chart: Chart,
        _ history: QueueHistory,
        _ row: Int,
        _ column: Int,
        _ width: Int,
        _ height: Int
    ) {
        let room = min(width - 4, QueueHistory.pointsMax)
        let values = history.columns(max(0, room), chart.value)
        let largest = values.compactMap { $0 }.max()
        let most = max(largest ?? 0, chart.least)
        var end = canvas.put(chart.title, row, column + 3, .dim, width: room)
        if let last = history.points.last.flatMap(chart.value) {
            end = canvas.put(" " + chart.text(last), row, end, chart.style.bolder)
            let note = "most \(chart.text(largest ?? 0))"
            if end + note.count + 1 < column + 3 + room {
                canvas.putRight(note, row, before: column + 3 + room, width: note.count, .dim)
            }
        } else {
            canvas.put(" none", row, end, .dim)
        }
        let limitRow = chart.limit.flatMap { DashChart.row(of: $0, most: most, height: height) }
        let lines = DashChart.rows(values, most: most, height: height, isASCII: setting.isASCII)
        for (offset, line) in lines.enumerated() {
            if offset == limitRow {
                canvas.put(String(repeating: "╌", count: max(0, room)), row + 1 + offset, column + 3, .red)
            }
            for (index, letter) in line.enumerated() where letter != " " {
                let isOver = chart.limit.map { (values[index] ?? 0) > $0 } ?? false
                canvas.put(String(letter), row + 1 + offset, column + 3 + index, isOver ? .red : chart.style)
            }
        }
    }
}
