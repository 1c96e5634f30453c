// The picture of a model for a size. Every line is laid out by hand and cut by the canvas; below 80×24 columns and rows
// are left out, the least needed first.

import Millpond
import PondCore
import PondInsight

/// Draws the dashboard.
struct DashFrame {
    /// What the picture depends on besides the model.
    struct Setting: Sendable {
        /// Where Redis is, without a password.
        var place = ""
        var isASCII = false
    }

    /// The size that everything is laid out for.
    static let fullSize = (columns: 80, rows: 24)

    var canvas: DashCanvas
    let model: DashModel
    let setting: Setting
    let now: LocalInstant

    var columns: Int { canvas.columns }
    var rows: Int { canvas.rows }
    /// Rows between the two at the top and the one at the bottom.
    var body: Range<Int> { 2..<max(2, rows - 1) }

    static func draw(
        _ model: DashModel,
        columns: Int,
        rows: Int,
        _ setting: Setting,
        at now: LocalInstant
    ) -> DashCanvas {
        let canvas = DashCanvas(columns: columns, rows: rows, isASCII: setting.isASCII)
        var frame = DashFrame(canvas: canvas, model: model, setting: setting, now: now)
        frame.drawHeader()
        if rows > 2 { frame.drawVerdict() }
        frame.drawBody()
        if rows > 3 { frame.drawFooter() }
        return frame.canvas
    }

    private mutating func drawBody() {
        if model.mode == .help { return drawHelp() }
        switch model.screen {
        case .overview: drawOverview()
        case .queue: drawQueue()
        case .workers: drawWorkers()
        case .jobs: drawJobs()
        case .dead: drawDead()
        case .limits: drawLimits()
        case .scaling: drawScaling()
        }
    }

    // MARK: The edges

    private mutating func drawHeader() {
        let tabs: [(DashModel.Screen, String)] = [
            (.overview, "1 Overview"), (.queue, "2 Queue"), (.workers, "3 Workers"), (.jobs, "4 Jobs"),
            (.dead, "5 Dead"),
            (.limits, "6 Limits"), (.scaling, "7 Scaling"),
        ]
        var column = canvas.put(" pond ", 0, 0, .bold)
        let whole = tabs.reduce(column) { $0 + $1.1.count + 2 }
        // With little room a title is its number.
        let isShort = whole > columns
        let clock = model.look.map { String($0.at.iso8601.dropFirst(11).prefix(8)) + " UTC" } ?? ""
        // Air before each title is the first to go where the time would have no room.
        let lead = whole + clock.count > columns && !isShort ? "" : " "
        // The address is worth more than air between the titles.
        let gap = whole + tabs.count + 18 + DisplayWidth.columns(of: barePlace) <= columns ? 1 : 0
        for (screen, title) in tabs {
            let isShown = model.screen == screen
            let text = isShort && !isShown ? String(title.prefix(1)) : title
            column = canvas.put("\(lead)\(text) ", 0, column + gap, isShown ? .bold.reversed : .dim)
        }
        let hasAir = column + clock.count < columns
        canvas.putRight(clock + (hasAir ? " " : ""), 0, before: columns, width: max(0, columns - column))
        let room = columns - column - 4 - clock.count
        if let place = place(room) { canvas.putRight(place, 0, before: columns - clock.count - 3, width: room, .dim) }
    }

    /// Where Redis is, without its scheme where there is little room; nil when half of it would be cut off.
    private func place(_ room: Int) -> String? {
        if DisplayWidth.columns(of: setting.place) <= room { return setting.place }
        return DisplayWidth.columns(of: barePlace) <= room || room >= 24 ? barePlace : nil
    }

    private var barePlace: String {
        setting.place.firstRange(of: "://").map { String(setting.place[$0.upperBound...]) } ?? setting.place
    }

    private mutating func drawVerdict() {
        let (mark, text, style) = verdict
        let column = canvas.put(" \(mark) ", 1, 0, style.bolder)
        canvas.put(text, 1, column, style)
    }

    /// What matters most, with a mark that says it without colour.
    private var verdict: (mark: String, text: String, style: DashStyle) {
        if let outage = model.outage(at: now) {
            let away = max(.zero, now - outage.since).human
            return ("✗", "Redis is away for \(away): \(outage.reason). Below is the last look.", .red)
        }
        guard let look = model.look else { return ("…", "Looking for the first time …", .dim) }
        switch look.state {
        case "ok", "empty": return ("●", look.verdict, .green)
        case _ where look.isGrave: return ("✗", look.verdict, .red)
        case "late":
            guard let queue = look.mostLate, let target = queue.target else { return ("!", look.verdict, .yellow) }
            let job = queue.ready == 1 ? "its only job" : "the oldest of \(queue.ready.grouped) jobs"
            let wait = "has waited \(queue.oldest.human), the target is \(target.human)"
            return ("!", "\(queue.name) is late: \(job) \(wait).", .yellow)
        default: return ("!", look.verdict, .yellow)
        }
    }

    private mutating func drawFooter() {
        let row = rows - 1
        switch model.mode {
        case .filter(let text): return drawInput("/", text, "Enter keeps it  Esc drops it")
        case .search: return drawHint(row, "Enter finds it  Esc drops it  an id can be pasted")
        case .palette(let text): return drawInput(":", text, DashModel.commands.joined(separator: " "))
        case .asking(let action):
            canvas.put(" \(action.question ?? "Do it?") y/n ", row, 0, .yellow.bolder.reversed)
            return
        case .help:
            canvas.put(" any key goes back ", row, 0, .dim)
            return
        case .normal: break
        }
        if let text = model.complaint {
            canvas.put(" \(text)", row, 0, .red)
        } else if let text = model.message(at: now) {
            canvas.put(" \(text)", row, 0, .green)
        } else {
            drawHints(row)
        }
    }

    private mutating func drawHints(_ row: Int) {
        var hints: [(String, String)] =
            switch model.screen {
            case .overview: [("j/k", "move"), ("Enter", "open"), ("s", "sort: \(model.sort.rawValue)"), ("p", "pause")]
            case .queue: [("j/k", "next queue"), ("p", "pause"), ("Esc", "back")]
            case .workers, .limits, .scaling: [("j/k", "move"), ("Esc", "back")]
            case .jobs: [("/", "find"), ("j/k", "move"), ("Enter", "why"), ("Esc", "back")]
            case .dead where model.group == nil:
                [("j/k", "move"), ("Enter", "open"), ("s", "sort: \(model.deadSort.rawValue)"), ("Esc", "back")]
            case .dead: [("j/k", "move"), ("Enter", "why"), ("Esc", "back")]
            }
        if model.screen != .jobs { hints += [("/", model.filter.isEmpty ? "filter" : "filter: \(model.filter)")] }
        hints += [("?", "help"), ("q", "quit"), (":", "command")]
        var column = 1
        for (key, meaning) in hints where column + key.count + meaning.count + 1 < columns {
            column = canvas.put(key, row, column, .bold)
            column = canvas.put(" \(meaning)", row, column, .dim) + 2
        }
        if columns < Self.fullSize.columns || rows < Self.fullSize.rows {
            let note = " \(columns)×\(rows), all of it fits in 80×24"
            if column + note.count < columns { canvas.putRight(note, row, before: columns, width: note.count, .dim) }
        }
    }

    private mutating func drawHint(_ row: Int, _ text: String) {
        canvas.put(" \(text)", row, 0, .dim)
    }

    private mutating func drawInput(_ mark: String, _ text: String, _ hint: String) {
        let row = rows - 1
        // The end is what is being typed.
        let shown = String(text.suffix(max(1, columns - 4)))
        var column = canvas.put(" \(mark)", row, 0, .bold)
        column = canvas.put(shown, row, column)
        column = canvas.put(" ", row, column, .plain.reversed)
        canvas.put("  \(hint)", row, column, .dim)
    }

    // MARK: Help

    private static let help: [(String, String)] = [
        ("1 to 7", "overview, queue, workers, jobs, dead, limits, scaling"),
        ("j k  arrows", "move the cursor; on a queue, the next one"),
        ("g G  PgUp PgDn", "first and last, a page"),
        ("Enter", "open the queue, the job or the root cause under the cursor"),
        ("Esc", "back; on the overview, drop the filter"), ("/", "only queues whose name contains this"),
        ("/ on 4 Jobs", "find a job: its id, QUEUE/ID or a correlation id"),
        (":", "a command, as in :pause emails or :why ID; Tab completes"),
        ("s", "sort by name, ready, oldest, rate, workers"), ("s on 5 Dead", "sort by number, or by the last death"),
        ("p", "pause the queue under the cursor, or let it go on; asks first"),
        ("c  R  on 4 Jobs", "cancel the job, send a dead one back; ask first"),
        ("r", "look now"), ("Ctrl-L", "draw everything anew"), ("q  Ctrl-C", "leave"),
    ]

    private mutating func drawHelp() {
        var row = body.lowerBound + 1
        for (key, meaning) in Self.help where body.contains(row) {
            canvas.put(key, row, 2, .bold)
            canvas.put(meaning, row, 19)
            row += 1
        }
        let signs = "● ok   ! late, behind or paused   ✗ fault, or nobody serves it   4→6 workers: has 4, should have 6"
        for line in DashText.wrapped(signs, width: columns - 4, lines: 2) where body.contains(row + 1) {
            canvas.put(line, row + 1, 2, .dim)
            row += 1
        }
    }

    /// A heading with a line behind it, to the edge or to a column.
    mutating func drawTitle(_ title: String, _ row: Int, note: String = "", to last: Int? = nil) {
        guard body.contains(row) else { return }
        let end = canvas.put(" \(title) ", row, 0, .bold)
        let noteEnd = note.isEmpty ? end : canvas.put("\(note) ", row, end, .dim)
        let last = min(last ?? columns, columns)
        if noteEnd < last { canvas.put(String(repeating: "─", count: last - noteEnd), row, noteEnd, .dim) }
    }

    /// One row of one queue's values, with the last and the largest.
    mutating func drawSpark(
        _ name: String,
        _ history: QueueHistory,
        _ row: Int,
        _ style: DashStyle,
        most: Double? = nil,
        text: (Double) -> String,
        _ value: (QueuePoint) -> Double?
    ) {
        let width = min(columns - 28, QueueHistory.pointsMax)
        guard body.contains(row) else { return }
        canvas.put(name, row, 3, .dim)
        let values = history.columns(max(0, width), value)
        let largest = values.compactMap { $0 }.max() ?? 0
        canvas.put(DashChart.spark(values, most: most ?? largest, isASCII: setting.isASCII), row, 12, style)
        let last = history.points.last.flatMap(value)
        canvas.putRight(last.map(text) ?? "-", row, before: max(12, 12 + width) + 7, width: 6, style.bolder)
        canvas.putRight(values.isEmpty ? "" : text(largest), row, before: max(12, 12 + width) + 15, width: 6, .dim)
    }
}
