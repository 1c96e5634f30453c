import Millpond
import PondCore
import PondInsight
import PondQueue

extension DashFrame {
    /// The dead by root cause, or one root cause.
    mutating func drawDead() {
        if model.group != nil, let detail = model.groupDetail { return drawGroup(detail) }
        guard let dead = model.dead else { return drawMissing(body.lowerBound + 1) }
        let (groups, cursor) = (model.groups, model.groupIndex)
        let place = deadColumns
        drawDeadHeading(body.lowerBound, place)
        guard !groups.isEmpty else {
            let note = dead.unread == 0 ? "nothing is dead" : "Looking …"
            if body.contains(body.lowerBound + 1) { canvas.put(note, body.lowerBound + 1, 3, .dim) }
            return
        }
        // The one under the cursor is below, with all that has no room in a line.
        let whole = chosenText(groups[cursor])
        let count = max(1, body.count - 1 - (whole.isEmpty ? 0 : whole.count + 1))
        let start = max(0, min(cursor - count / 2, groups.count - count))
        for (offset, group) in groups.dropFirst(start).prefix(count).enumerated() {
            drawRow(of: group, body.lowerBound + 1 + offset, place, isChosen: start + offset == cursor)
        }
        guard !whole.isEmpty else { return }
        let all = groups.reduce(0) { $0 + $1.count }
        var note = "\(all.of("job")) of \(groups.count.of("root cause"))"
        if dead.unread > 0 { note += ", \(dead.unread.of("queue")) not read yet" }
        let top = body.upperBound - whole.count
        drawTitle("\(groups[cursor].id)", top - 1, note: note)
        drawLines(whole, top)
    }

    private struct DeadColumns {
        var first: Int?
        var last, trend, state: Int
        var kinds: Range<Int>?
        var what: Range<Int>
    }

    /// DEAD and GROUP always have room; what follows has as it comes.
    private var deadColumns: DeadColumns {
        let hasFirst = columns >= 100
        let last = 27 + (hasFirst ? 8 : 0)
        let trend = last + 2
        let state = trend + (columns >= 60 ? 14 : 0)
        let rest = state + (columns >= 60 ? 11 : 0)
        let kinds = columns >= 110 ? rest..<rest + (columns - rest) * 35 / 100 : nil
        let what = kinds.map { $0.upperBound + 2 } ?? rest
        return DeadColumns(
            first: hasFirst ? 27 : nil,
            last: last,
            trend: trend,
            state: state,
            kinds: kinds,
            what: what..<max(what, columns)
        )
    }

    private mutating func drawDeadHeading(_ row: Int, _ place: DeadColumns) {
        guard body.contains(row) else { return }
        canvas.putRight("DEAD", row, before: 7, width: 5, model.deadSort == .dead ? .bold : .dim)
        canvas.put("GROUP", row, 9, .dim)
        if let first = place.first { canvas.putRight("FIRST", row, before: first, width: 6, .dim) }
        canvas.putRight("LAST", row, before: place.last, width: 6, model.deadSort == .last ? .bold : .dim)
        if place.state > place.trend {
            canvas.put("LAST HOUR", row, place.trend, .dim)
            canvas.put("STATE", row, place.state, .dim)
        }
        if let kinds = place.kinds { canvas.put("KINDS", row, kinds.lowerBound, .dim) }
        canvas.put("WHAT", row, place.what.lowerBound, .dim)
    }

    private mutating func drawRow(of group: DeadGroupSum, _ row: Int, _ place: DeadColumns, isChosen: Bool) {
        guard body.contains(row) else { return }
        let isQuiet = group.state == .ignored
        canvas.putRight(DashText.count(group.count), row, before: 7, width: 5, isQuiet ? .dim : .red)
        let end = canvas.put("\(group.id)", row, 9, isQuiet ? .dim : .bold, width: 10)
        if let first = place.first { canvas.putRight(age(group.first), row, before: first, width: 6, .dim) }
        canvas.putRight(age(group.latest?.last), row, before: place.last, width: 6)
        if place.state > place.trend {
            canvas.put(spark(group.trend), row, place.trend, .yellow, width: 12)
            canvas.put(group.state.rawValue, row, place.state, style(of: group.state), width: 9)
        }
        if let kinds = place.kinds {
            let text = DeadGroupListing.kinds(group.kinds, most: 3)
            canvas.put(text, row, kinds.lowerBound, width: kinds.count)
        }
        if !place.what.isEmpty {
            canvas.put(group.latest?.title ?? "", row, place.what.lowerBound, isQuiet ? .dim : .plain)
        }
        mark(row, isChosen, 9..<end)
    }

    private func style(of state: DeadGroup.State) -> DashStyle {
        switch state {
        case .open: .plain
        case .ignored: .dim
        case .resolved: .green
        case .regressed: .red.bolder
        }
    }

    private func age(_ time: ServerTime?) -> String {
        guard let time, let now = model.look?.at else { return "-" }
        return max(.zero, now.since(time)).human
    }

    private func spark(_ trend: [Int]) -> String {
        let most = Double(trend.max() ?? 0)
        return DashChart.spark(trend.map { Double($0) }, most: most, isASCII: setting.isASCII)
    }

    /// What a group's line has no room for.
    private func chosenText(_ group: DeadGroupSum) -> [DashLine] {
        guard body.count >= 12 else { return [] }
        let width = columns - 2 * DashWhy.indent
        var lines: [DashLine] = []
        DashWhy.add("what", group.latest?.title ?? "-", width, column: 8, most: 2, to: &lines)
        DashWhy.add("kinds", DeadGroupListing.kinds(group.kinds, most: 9), width, column: 8, most: 1, to: &lines)
        DashWhy.add("queues", queues(of: group), width, column: 8, most: 1, to: &lines)
        return lines
    }

    private func queues(of group: DeadGroupSum) -> String {
        let parts = group.parts.sorted { ($1.group.count, $0.queue) < ($0.group.count, $1.queue) }
        let shown = parts.prefix(10).map { "\($0.queue) \($0.group.count.grouped)" }.joined(separator: ", ")
        return parts.count > 10 ? "\(shown) and \(parts.count - 10) more" : shown
    }

    // MARK: One of them

    private mutating func drawGroup(_ detail: DashGroup) {
        let lines = lines(of: detail)
        let rows = detail.newest.count
        let acts = actions(on: detail.sum)
        // The newest jobs can be chosen, so they are there whatever is left out above and below them.
        let room = max(0, body.count - rows - 1)
        let below = min(acts.count, max(0, room - 5))
        let shown = Array(lines.prefix(max(0, room - below - (below > 0 ? 1 : 0))))
        drawLines(shown, body.lowerBound)
        let isLoose = shown.count + rows + below + 3 <= body.count
        let top = body.lowerBound + shown.count + (isLoose ? 1 : 0)
        drawTitle("Newest jobs", top, note: rows == 0 ? "none is dead of it any more" : "Enter says why")
        for (offset, job) in detail.newest.enumerated() where body.contains(top + 1 + offset) {
            let row = top + 1 + offset
            canvas.putRight(age(job.diedAt), row, before: 10, width: 7, .dim)
            let end = canvas.put(job.address, row, 12, .bold)
            mark(row, offset == model.row, 12..<end)
        }
        drawLines(Array(acts.prefix(below)), top + 1 + rows + (below > 0 ? 1 : 0))
    }

    private func lines(of detail: DashGroup) -> [DashLine] {
        let (sum, width) = (detail.sum, columns - 2 * DashWhy.indent)
        let latest = sum.latest
        var lines = [
            DashLine(
                ("\(sum.id)", .bold),
                ("  \(sum.state.rawValue.uppercased())", style(of: sum.state).bolder),
                ("  \(sum.count.grouped) dead now, \(sum.ever.grouped) ever", .red),
                (latest.map { "  \($0.cause)" } ?? "", .dim)
            )
        ]
        func add(_ name: String, _ text: String?, most: Int = 2) {
            guard let text, !text.isEmpty else { return }
            DashWhy.add(name, text, width, column: 12, most: most, to: &lines)
        }
        let isWide = columns >= 100
        func seen(_ time: ServerTime) -> String { "\(age(time)) ago" + (isWide ? ", at \(time.iso8601)" : "") }
        add("what", latest?.title)
        add("last error", latest?.lastError, most: rows >= 30 ? 8 : 3)
        add("kinds", DeadGroupListing.kinds(sum.kinds, most: 9), most: 1)
        add("queues", queues(of: sum), most: 1)
        if let first = sum.first, let last = latest?.last {
            add("died", "the first \(seen(first)); the last \(seen(last))", most: 1)
        }
        add("last hour", spark(sum.trend) + "  " + sum.trend.map { "\($0)" }.joined(separator: " "), most: 1)
        add("ignored", sum.parts.compactMap(\.group.ignoredUntil).max().map { "until \($0.iso8601)" })
        return lines
    }

    /// What a person can do; the command shows its plan and asks, which a look at a screen cannot.
    private func actions(on group: DeadGroupSum) -> [DashLine] {
        let id = "\(group.id)"
        var texts = ["pond dead retry \(id)"]
        switch group.state {
        case .ignored: texts.append("pond dead reopen \(id)")
        case .open, .regressed:
            texts += ["pond dead ignore \(id) --until 2h", "pond dead resolve \(id)"]
        case .resolved: break
        }
        texts += ["pond dead compensate \(id)", "pond dead discard \(id)"]
        return texts.map { DashLine(("DO    ", .dim), ($0, .cyan)) }
    }
}
