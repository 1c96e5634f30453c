import Millpond
import PondCore
import PondInsight
import PondQueue

/// Limits as people read them.
enum LimitText {
    /// The limits a row.
    static func table(_ listing: LimitListing, for terminal: Terminal) -> String {
        var table = Table([
            .text("LIMIT"), .text("ALLOWS"), .number("RUNNING"), .number("WAITING"), .number("ADMITTED"),
            .number("WAITED"), .number("FAILED"), .number("LEARNED"), .flexible("STATE"),
        ])
        for limit in listing.limits {
            table.add([
                .text(limit.name, .bold), .text(limit.definition), .count(limit.running),
                .count(limit.waiting, limit.waiting > 0 ? .yellow : nil), .count(limit.admitted),
                .count(limit.refused), .count(limit.failed), .text(percent(limit.learned)),
                .text(limit.stateWords, limit.state.tint),
            ])
        }
        return table.text(for: terminal)
    }

    /// One limit: facts, the last hour, who waits.
    static func text(_ limit: LimitView, for terminal: Terminal, isASCII: Bool) -> String {
        var parts = [sheet(limit).text(for: terminal), chart(limit, for: terminal, isASCII: isASCII)]
        let lanes = lanes(limit)
        if !lanes.isEmpty { parts.append(lanes.text(for: terminal)) }
        return parts.joined(separator: "\n\n")
    }

    private static func sheet(_ limit: LimitView) -> Sheet {
        var sheet = Sheet()
        sheet.add("limit", limit.name, .bold)
        sheet.add("set as", limit.definedAs == limit.name ? nil : limit.definedAs)
        sheet.add("allows", limit.definition)
        sheet.add("state", limit.stateWords, limit.state.tint)
        sheet.add("learned", limit.learnedWords, .yellow)
        sheet.add("running", limit.running.grouped)
        sheet.add("waiting", limit.waiting > 0 ? limit.waiting.of("job") : "none", limit.waiting > 0 ? .yellow : nil)
        return sheet
    }

    // MARK: The last hour

    /// A minute a column.
    private static let minutes = 60

    /// What went through within the last hour, a row for each kind of count.
    static func chart(_ limit: LimitView, for terminal: Terminal, isASCII: Bool) -> String {
        let rows: [(String, Tint?, KeyPath<LimitView.Minute, Int>, Int)] = [
            ("admitted", .green, \.admitted, limit.admitted), ("waited", .yellow, \.refused, limit.refused),
            ("failed", .red, \.failed, limit.failed),
        ]
        let head = "          " + terminal.tinted("the last hour, a minute a column", .dim)
        let lines = rows.map { name, tint, count, total in
            let values = series(limit, count)
            let most = values.compactMap { $0 }.max() ?? 0
            let spark = DashChart.spark(values, most: most, isASCII: isASCII)
            let top = most > 0 ? ", at most \(Int(most).grouped) a minute" : ""
            return terminal.tinted(name, .dim) + String(repeating: " ", count: 10 - name.count)
                + (tint.map { terminal.tinted(spark, $0) } ?? spark) + "  \(total.grouped)\(top)"
        }
        return ([head] + lines).joined(separator: "\n")
    }

    /// The counts of the last sixty minutes, this one the last.
    static func series(_ limit: LimitView, _ count: KeyPath<LimitView.Minute, Int>) -> [Double?] {
        var values = [Double?](repeating: 0, count: minutes)
        let last = limit.now.milliseconds / 60_000
        for minute in limit.minutes {
            guard let at = minute.at else { continue }
            let place = minutes - 1 - Int(clamping: last - at.milliseconds / 60_000)
            if values.indices.contains(place) { values[place] = Double(minute[keyPath: count]) }
        }
        return values
    }

    // MARK: Who waits

    private static func lanes(_ limit: LimitView) -> Table {
        var table = Table([
            .text("LANE"), .text("QUEUE"), .number("WAITING"), .text("BLOCKED BY"), .text("WHY"), .flexible("NEXT"),
        ])
        for lane in limit.lanes {
            table.add([
                .text(lane.lane, .bold), .text(lane.queue), .count(lane.waiting), .text(lane.limit),
                .text(lane.reason), .text(due(lane, at: limit.now)),
            ])
        }
        return table
    }

    static func due(_ lane: LimitLane, at now: ServerTime) -> String {
        guard let due = lane.due else { return "when there is room" }
        let left = due.since(now)
        return left > .zero ? "in about \(left.human)" : "now"
    }

    static func percent(_ part: Double) -> String { "\(Int((part * 100).rounded()))%" }
}

extension NamedLimit.State {
    /// How alarming it is.
    var tint: Tint? {
        switch self {
        case .ok: nil
        case .throttled, .brownout, .halfOpen: .yellow
        case .open: .red
        }
    }
}
