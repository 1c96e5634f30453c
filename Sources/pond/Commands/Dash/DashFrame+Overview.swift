import Millpond
import PondCore
import PondInsight
import PondScaling

extension DashFrame {
    /// A column of the table of queues.
    private struct Column {
        let title: String
        let width: Int
        /// The lowest stays the longest.
        let rank: Int
        let text: (QueueSample, QueueHistory) -> String
        var style: (QueueSample) -> DashStyle = { _ in .plain }
    }

    private static var columnsKnown: [Column] {
        [
            Column(title: "READY", width: 5, rank: 0, text: { queue, _ in DashText.count(queue.ready) }),
            Column(title: "FLIGHT", width: 6, rank: 6, text: { queue, _ in DashText.count(queue.inFlight) }),
            Column(title: "HELD", width: 5, rank: 8, text: { queue, _ in DashText.count(queue.held) }),
            Column(
                title: "LIMIT",
                width: 5,
                rank: 9,
                text: { queue, _ in DashText.count(queue.limited) },
                style: { $0.limited > 0 ? .yellow : .plain }
            ),
            Column(
                title: "DEAD",
                width: 5,
                rank: 7,
                text: { queue, _ in DashText.count(queue.dead) },
                style: { $0.dead > 0 ? .red : .plain }
            ),
            Column(title: "OLDEST", width: 6, rank: 1, text: { queue, _ in oldest(queue) }, style: { ageStyle($0) }),
            Column(title: "TARGET", width: 6, rank: 3, text: { queue, _ in queue.target?.human ?? "-" }),
            Column(title: "IN/s", width: 5, rank: 4, text: { DashText.rate($1.arriving) }),
            Column(title: "OUT/s", width: 5, rank: 5, text: { DashText.rate($1.leaving) }),
            Column(title: "WORKERS", width: 7, rank: 2, text: { queue, _ in size(queue) }, style: { sizeStyle($0) }),
        ]
    }

    private static func oldest(_ queue: QueueSample) -> String {
        queue.ready > 0 ? queue.oldest.human + (queue.isLate ? "!" : "") : "-"
    }

    /// How near the oldest job is to what it may wait.
    static func ageStyle(_ queue: QueueSample) -> DashStyle {
        guard queue.ready > 0, let target = queue.target else { return .plain }
        return queue.oldest > target ? .red : queue.oldest > target * 0.75 ? .yellow : .green
    }

    /// What the queue has, and what it should have if that is another number.
    static func size(_ queue: QueueSample) -> String {
        let has = queue.workers.count
        guard let decision = queue.decision, decision.to != has else { return "\(has)" }
        return "\(has)→\(decision.to)"
    }

    private static func sizeStyle(_ queue: QueueSample) -> DashStyle {
        guard let decision = queue.decision else {
            return queue.workers.isEmpty && queue.ready > 0 ? .red : .plain
        }
        return decision.limit == .none || decision.limit == .downWindow ? .plain : .yellow
    }

    static func mark(_ queue: QueueSample) -> (String, DashStyle) {
        if queue.fault != nil { return ("✗", .red) }
        if queue.isPaused { return ("‖", .yellow) }
        if queue.workers.isEmpty, queue.ready + queue.inFlight > 0 { return ("✗", .red) }
        if queue.brake != nil { return ("✗", .red) }
        if queue.isLate || (queue.target == nil && queue.ready > 0 && queue.oldest > QueueStatus.patience) {
            return ("!", .yellow)
        }
        return ("●", .green)
    }

    // MARK: The screen

    mutating func drawOverview() {
        let queues = model.queues
        let height = body.count
        // The table first, then the chosen queue's last minutes, then what was decided.
        let sparkRows = height >= 30 ? 6 : height >= 14 ? 3 : 0
        let decisionRows = height >= 9 ? max(3, min(8, height / 4)) : 0
        let extra = (sparkRows > 0 ? sparkRows + 2 : 0) + (decisionRows > 0 ? decisionRows + 2 : 0)
        let tableRows = max(1, min(queues.count, height - 1 - extra))
        drawTable(queues, rows: tableRows)
        if let note = emptyNote(queues) { canvas.put(note, body.lowerBound + 1, 3, .dim) }
        var row = body.lowerBound + 1 + tableRows
        if sparkRows > 0, let queue = model.chosenQueue {
            drawSparks(queue, row + 1, count: sparkRows)
            row += sparkRows + 2
        }
        if decisionRows > 0 { drawDecisions(row + 1) }
    }

    private func emptyNote(_ queues: [QueueSample]) -> String? {
        guard queues.isEmpty, let look = model.look else { return nil }
        return look.queues.isEmpty ? "no queue yet" : "no queue has \(model.filter) in its name; Esc shows all"
    }

    private mutating func drawTable(_ queues: [QueueSample], rows: Int) {
        let longest = queues.reduce(5) { max($0, DisplayWidth.columns(of: SafeText.escaped($1.name))) }
        let columns = fitting(longest, hasLimits: queues.contains { $0.limited > 0 })
        let taken = columns.reduce(0) { $0 + $1.width + 1 }
        let nameWidth = max(1, min(max(longest, 12), self.columns - 3 - taken))
        let sparks = self.columns - 3 - nameWidth - taken - 3
        let top = body.lowerBound
        canvas.put("QUEUE", top, 3, .dim)
        var column = 3 + nameWidth
        for item in columns {
            column += item.width + 1
            canvas.putRight(item.title, top, before: column, width: item.width, .dim)
        }
        if sparks >= 20 {
            canvas.put("DEMAND", top, column + 3, .dim)
            canvas.put("WORKERS", top, column + 3 + sparks / 2, .dim)
        }
        let first = max(0, min(model.chosenIndex - rows / 2, queues.count - rows))
        for (offset, queue) in queues.dropFirst(first).prefix(rows).enumerated() {
            let row = top + 1 + offset
            let isChosen = first + offset == model.chosenIndex
            drawRow(queue, row, columns, nameWidth, isChosen: isChosen)
            if sparks >= 20 { drawRowSparks(queue, row, column + 3, width: sparks) }
            if isChosen { canvas.restyle(row, from: 2, to: 3 + nameWidth) { $0.isReverse = true } }
        }
        if queues.count > rows, body.contains(top) {
            canvas.put("\(first + 1)-\(first + rows)/\(queues.count)", top, 3, .dim, width: nameWidth + 1)
        }
    }

    /// As many columns as there is room for beside the names, the least needed left out.
    private func fitting(_ longest: Int, hasLimits: Bool) -> [Column] {
        var columns = Self.columnsKnown.filter { hasLimits || $0.title != "LIMIT" }
        let name = min(max(longest, 8), 12)
        while let last = columns.max(by: { $0.rank < $1.rank }),
            columns.reduce(3 + name, { $0 + $1.width + 1 }) > self.columns
        { columns.removeAll { $0.rank == last.rank } }
        return columns
    }

    private mutating func drawRow(
        _ queue: QueueSample,
        _ row: Int,
        _ columns: [Column],
        _ nameWidth: Int,
        isChosen: Bool
    ) {
        let (mark, style) = Self.mark(queue)
        canvas.put(isChosen ? "▸" : " ", row, 0, .bold)
        canvas.put(mark, row, 1, style)
        canvas.put(queue.name, row, 3, .bold, width: nameWidth)
        let history = model.history(of: queue.name)
        var column = 3 + nameWidth
        for item in columns {
            column += item.width + 1
            let text = item.text(queue, history)
            canvas.putRight(text, row, before: column, width: item.width, text == "0" ? .dim : item.style(queue))
        }
    }

    private mutating func drawRowSparks(_ queue: QueueSample, _ row: Int, _ column: Int, width: Int) {
        let history = model.history(of: queue.name)
        let each = width / 2 - 1
        let (demand, workers) = (history.columns(each, \.demand), history.columns(each, \.workers))
        let most = history.sizeMost
        canvas.put(DashChart.spark(demand, most: most, isASCII: setting.isASCII), row, column, .magenta)
        canvas.put(DashChart.spark(workers, most: most, isASCII: setting.isASCII), row, column + width / 2, .cyan)
    }

    // MARK: Below the table

    private mutating func drawSparks(_ queue: QueueSample, _ row: Int, count: Int) {
        let history = model.history(of: queue.name)
        let width = max(0, min(columns - 28, QueueHistory.pointsMax))
        drawTitle(queue.name, row, note: "the last two minutes", to: 12 + width)
        canvas.putRight("now", row, before: 12 + width + 7, width: 6, .dim)
        canvas.putRight("most", row, before: 12 + width + 15, width: 8, .dim)
        let most = history.sizeMost
        let whole: (Double) -> String = { DashText.count(Int($0)) }
        drawSpark("demand", history, row + 1, .magenta, most: most, text: whole, \.demand)
        drawSpark("workers", history, row + 2, .cyan, most: most, text: whole, \.workers)
        drawSpark("ready", history, row + 3, .yellow, text: whole, \.ready)
        guard count > 3 else { return }
        drawSpark("oldest", history, row + 4, Self.ageStyle(queue), text: DashText.seconds, \.oldest)
        drawSpark("in/s", history, row + 5, .plain, text: { DashText.rate($0) }, \.arriving)
        drawSpark("out/s", history, row + 6, .green, text: { DashText.rate($0) }, \.leaving)
    }

    private mutating func drawDecisions(_ row: Int) {
        let fleet = model.look?.fleet
        drawTitle("Last decisions", row, note: fleet.map { "of fleet \($0.name)" } ?? "")
        guard let fleet else {
            for (offset, line) in fleetNote(width: columns - 6, lines: 2).enumerated() {
                guard body.contains(row + 1 + offset) else { break }
                canvas.put(line, row + 1 + offset, 3, .dim)
            }
            return
        }
        for (offset, decision) in fleet.decisions.prefix(max(0, body.upperBound - row - 1)).enumerated() {
            drawDecision(decision, row + 1 + offset)
        }
        if fleet.decisions.isEmpty, body.contains(row + 1) { canvas.put("none yet", row + 1, 3, .dim) }
    }

    func fleetNote(width: Int, lines: Int) -> [String] {
        DashText.wrapped(model.look?.fleetNote ?? "", width: width, lines: lines)
    }

    /// One line: how long ago, up or down, the sentence.
    mutating func drawDecision(_ decision: ScalingDecision, _ row: Int) {
        guard body.contains(row), let look = model.look else { return }
        let age = max(.zero, look.at.since(decision.at)).human
        canvas.putRight(age, row, before: 9, width: 8, .dim)
        let (mark, style): (String, DashStyle) =
            decision.to > decision.from ? ("↑", .green) : decision.to < decision.from ? ("↓", .cyan) : ("·", .dim)
        canvas.put(mark, row, 10, style.bolder)
        canvas.put(decision.sentence, row, 12)
    }
}
