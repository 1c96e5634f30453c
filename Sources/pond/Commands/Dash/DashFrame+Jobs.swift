import Millpond
import PondCore
import PondInsight

extension DashFrame {
    /// What runs and what just happened, or what is known of what was asked for.
    mutating func drawJobs() {
        drawSearch(body.lowerBound)
        if let stop = model.trail.last { drawStop(stop, body.lowerBound + 2) } else { drawJobList() }
    }

    private mutating func drawSearch(_ row: Int) {
        guard body.contains(row) else { return }
        let column = canvas.put("Find ", row, 3, .bold)
        if case .search(let text) = model.mode {
            // The end is what is being typed.
            let end = canvas.put(String(text.suffix(max(1, columns - column - 3))), row, column)
            canvas.put(" ", row, end, .plain.reversed)
        } else if let stop = model.trail.last {
            canvas.put(stop.asked, row, column, .cyan)
        } else {
            canvas.put("press / and give a job's id, QUEUE/ID or a correlation id", row, column, .dim)
        }
    }

    // MARK: All of them

    private mutating func drawJobList() {
        let top = body.lowerBound + 2
        guard let jobs = model.jobs else {
            drawMissing(top)
            return
        }
        let cursor = model.jobIndex
        let free = max(0, body.upperBound - top)
        let sagaRows = jobs.sagas.isEmpty ? 0 : min(jobs.sagas.count, max(1, (free - 6) / 3))
        // Two titles, a heading and a line between; the sagas have a title, a heading and a line of their own.
        let lists = max(0, free - 4 - (sagaRows > 0 ? sagaRows + 3 : 0))
        let runningRows = max(min(1, lists), min(max(1, jobs.running.count), max(lists / 2, lists - jobs.events.count)))
        drawRunningList(jobs, top, runningRows, cursor)
        var (below, count) = (top + 3 + runningRows, jobs.running.count)
        if sagaRows > 0 {
            drawSagas(jobs.sagas, below, sagaRows, cursor - count)
            below += sagaRows + 3
            count += jobs.sagas.count
        }
        drawTitle("What just happened", below, note: jobs.events.isEmpty ? "" : "newest first, UTC")
        let eventRows = max(0, body.upperBound - below - 1)
        let place = max(0, cursor - count)
        let start = max(0, min(place - eventRows / 2, jobs.events.count - eventRows))
        let shown = Array(jobs.events.dropFirst(start).prefix(eventRows))
        let columns = eventColumns(shown)
        for (offset, event) in shown.enumerated() {
            drawEvent(event, below + 1 + offset, columns, isChosen: count + start + offset == cursor)
        }
        if model.jobRows.isEmpty, body.contains(below + 1) {
            canvas.put("nothing is in the journals", below + 1, 3, .dim)
        }
    }

    private mutating func drawRunningList(_ jobs: DashJobs, _ top: Int, _ rows: Int, _ cursor: Int) {
        drawTitle("Running", top, note: runningNote(jobs))
        drawRunningHeading(top + 1)
        let first = max(0, min(cursor - rows / 2, jobs.running.count - rows))
        for (offset, job) in jobs.running.dropFirst(first).prefix(rows).enumerated() {
            drawRunning(job, top + 2 + offset, isChosen: first + offset == cursor)
        }
        if jobs.running.isEmpty, body.contains(top + 2) {
            let note = jobs.inFlight > 0 ? "no worker has said yet what it runs" : "nothing"
            canvas.put(note, top + 2, 3, .dim)
        }
    }

    private func runningNote(_ jobs: DashJobs) -> String {
        let inFlight = "\(jobs.inFlight.grouped) in flight"
        if jobs.told == 0 { return inFlight }
        let shown = jobs.told > jobs.running.count ? "the longest \(jobs.running.count)" : "the longest first"
        return jobs.inFlight > jobs.told
            ? "\(inFlight), workers tell of \(jobs.told.grouped), \(shown)"
            : "\(inFlight), \(shown)"
    }

    /// Where the columns of a list of jobs begin and end.
    private var runningColumns: (job: Range<Int>, kind: Range<Int>, attempt: Int, done: Int, worker: Range<Int>) {
        let rest = max(0, columns - 23)
        let running = model.jobs?.running ?? []
        let job = 11..<11 + width(of: running.map { "\($0.queue)/\($0.id)" }, most: rest * 65 / 100)
        let kind = job.upperBound + 2..<job.upperBound + 2 + width(of: running.map { $0.kind ?? "" }, most: rest / 5)
        let worker = kind.upperBound + 11
        return (job, kind, kind.upperBound + 4, kind.upperBound + 9, worker..<max(worker, columns))
    }

    /// What the widest of some texts takes, but no more than there is room for.
    private func width(of texts: [String], most: Int) -> Int {
        let widest = texts.reduce(8) { max($0, DisplayWidth.columns(of: DashText.shown($1, isASCII: setting.isASCII))) }
        return max(0, min(widest, most))
    }

    private mutating func drawRunningHeading(_ row: Int) {
        guard body.contains(row) else { return }
        let place = runningColumns
        canvas.putRight("FOR", row, before: 9, width: 6, .dim)
        canvas.put("JOB", row, place.job.lowerBound, .dim)
        canvas.put("KIND", row, place.kind.lowerBound, .dim)
        canvas.putRight("TRY", row, before: place.attempt, width: 3, .dim)
        canvas.putRight("DONE", row, before: place.done, width: 4, .dim)
        canvas.put("WORKER", row, place.worker.lowerBound, .dim, width: place.worker.count)
    }

    private mutating func drawRunning(_ job: RunningJob, _ row: Int, isChosen: Bool) {
        guard body.contains(row) else { return }
        let place = runningColumns
        canvas.putRight(job.run.human, row, before: 9, width: 6, .green)
        canvas.put("\(job.queue)/\(job.id)", row, place.job.lowerBound, .bold, width: place.job.count)
        canvas.put(job.kind ?? "-", row, place.kind.lowerBound, width: place.kind.count)
        canvas.putRight(job.attempt.map { "\($0)" } ?? "-", row, before: place.attempt, width: 3)
        let done = job.progress.map { "\(Int($0 * 100))%" } ?? "-"
        canvas.putRight(done, row, before: place.done, width: 4, .cyan)
        let note = job.note.map { "  \($0)" } ?? ""
        if !place.worker.isEmpty {
            let end = canvas.put(job.worker, row, place.worker.lowerBound, .dim, width: place.worker.count)
            // A few letters of it say nothing.
            if columns - end > 8 { canvas.put(note, row, end) }
        }
        mark(row, isChosen, place.job)
    }

    /// Where the columns of the journal's events are.
    private func eventColumns(_ events: [TailEvent]) -> (job: Range<Int>, kind: Range<Int>) {
        let names = events.map(\.event.what.rawValue.count).max() ?? 0
        let start = 13 + max(9, names)
        let rest = max(0, columns - start - 1)
        let job = start..<start + width(of: events.map { "\($0.queue)/\($0.event.job)" }, most: rest * 65 / 100)
        let kinds = events.map { $0.event.facts?.kind ?? "" }
        return (job, job.upperBound + 2..<job.upperBound + 2 + width(of: kinds, most: rest / 5))
    }

    private mutating func drawEvent(
        _ event: TailEvent,
        _ row: Int,
        _ place: (job: Range<Int>, kind: Range<Int>),
        isChosen: Bool
    ) {
        guard body.contains(row) else { return }
        let view = TailView(event: event)
        let what = event.event
        canvas.put(String(event.time.iso8601.dropFirst(11).prefix(8)), row, 2, .dim)
        canvas.put(what.what.rawValue, row, 11, DashStyle(view.tint))
        canvas.put("\(event.queue)/\(what.job)", row, place.job.lowerBound, .bold, width: place.job.count)
        canvas.put(what.facts?.kind ?? "-", row, place.kind.lowerBound, width: place.kind.count)
        var words: [String] = []
        if let attempt = what.facts?.attempt, attempt > 1 { words.append("try \(attempt)") }
        if let run = what.facts?.run { words.append("ran \(run.human)") }
        canvas.put((words + view.details).joined(separator: "  "), row, place.kind.upperBound + 2, .dim)
        mark(row, isChosen, place.job)
    }

    /// The cursor of a list.
    mutating func mark(_ row: Int, _ isChosen: Bool, _ place: Range<Int>) {
        guard isChosen else { return }
        canvas.put("▸", row, 0, .bold)
        canvas.restyle(row, from: place.lowerBound, to: place.upperBound) { $0.isReverse = true }
    }

    /// In the place of what was not read yet, or could not be.
    mutating func drawMissing(_ row: Int) {
        guard body.contains(row) else { return }
        if let failure = model.failure { return drawLines(failureLines(failure), row) }
        canvas.put("Looking …", row, 3, .dim)
    }

    private func failureLines(_ text: String) -> [DashLine] {
        var lines: [DashLine] = []
        DashWhy.add("not read:", text, columns - 2 * DashWhy.indent, column: 10, style: .red, to: &lines)
        return lines
    }

    // MARK: What was asked for

    private mutating func drawStop(_ stop: DashStop, _ top: Int) {
        switch stop.answer {
        case .job(let report):
            let lines = DashWhy.lines(report, width: columns)
            let room = max(1, body.upperBound - top)
            drawLines(Array(lines.dropFirst(max(0, min(stop.row, lines.count - room)))), top)
        case .jobs(let reports): drawChoices(reports, stop.row, top)
        case .intent(let answer): drawIntent(answer, stop.row, top)
        case nil:
            guard body.contains(top) else { return }
            if let failure = stop.failure { return drawLines(failureLines(failure), top) }
            canvas.put("Looking …", top, 3, .dim)
        }
    }

    mutating func drawLines(_ lines: [DashLine], _ top: Int) {
        for (offset, line) in lines.enumerated() where body.contains(top + offset) {
            var column = DashWhy.indent
            for piece in line.pieces { column = canvas.put(piece.text, top + offset, column, piece.style) }
        }
    }

    private mutating func drawChoices(_ reports: [WhyReport], _ cursor: Int, _ top: Int) {
        guard body.contains(top) else { return }
        canvas.put("\(reports.count.of("queue", ("has", "have"))) a job with this id: Enter opens one", top, 2, .dim)
        for (offset, report) in reports.enumerated() where body.contains(top + 1 + offset) {
            let row = top + 1 + offset
            let end = canvas.put(report.address, row, 2, .bold)
            canvas.put("  \(report.kind ?? "?")  \(report.place)  \(report.detail)", row, end)
            mark(row, offset == cursor, 2..<end)
        }
    }

    /// The jobs of a correlation id as a tree, with bars where there is room.
    private mutating func drawIntent(_ answer: IntentReader.Answer, _ cursor: Int, _ top: Int) {
        guard body.contains(top) else { return }
        let view = CorrView(answer: answer, isASCII: setting.isASCII)
        let rows = answer.tree.rows
        canvas.put(view.sentence, top, 2)
        let notes = answer.unseen.joined(separator: "; ")
        let room = max(0, body.upperBound - top - 2 - (notes.isEmpty ? 0 : 1))
        let bars = columns >= 100 ? min(50, columns - 84) : 0
        let state = rows.reduce(9) { max($0, CorrView.Cells($1).state.count) }
        let rest = max(0, columns - 23 - state - (bars > 0 ? bars + 2 : 0))
        let job = 2..<2 + rest * 45 / 100
        let id = job.upperBound + 1..<max(job.upperBound + 1, rest + 2)
        let numbers = [("STATE", state), ("TRY", 3), ("WAIT", 6), ("RUN", 6)]
        canvas.put("JOB", top + 1, job.lowerBound, .dim)
        canvas.put("ID", top + 1, id.lowerBound, .dim)
        var column = id.upperBound + 1
        for (title, width) in numbers {
            if title == "STATE" { canvas.put(title, top + 1, column, .dim) }
            column += width + 1
            if title != "STATE" { canvas.putRight(title, top + 1, before: column - 1, width: width, .dim) }
        }
        let start = max(0, min(cursor - room / 2, rows.count - room))
        for (offset, item) in rows.dropFirst(start).prefix(room).enumerated() {
            let row = top + 2 + offset
            let cells = CorrView.Cells(item)
            canvas.put(view.guide(item) + cells.name, row, job.lowerBound, .bold, width: job.count)
            canvas.put(cells.id, row, id.lowerBound, width: id.count)
            var column = id.upperBound + 1
            canvas.put(cells.state, row, column, DashStyle(CorrView.tint(cells.state)), width: state)
            column += state + 1
            for (text, width) in [(cells.tries, 3), (cells.wait, 6), (cells.run, 6)] {
                column += width + 1
                canvas.putRight(text, row, before: column - 1, width: width)
            }
            if bars > 0 {
                canvas.put(answer.tree.bar(of: item, width: bars, isASCII: setting.isASCII), row, column + 1, .cyan)
            }
            mark(row, start + offset == cursor, job)
        }
        if !notes.isEmpty, body.upperBound - 1 > top { canvas.put(notes, body.upperBound - 1, 2, .yellow) }
    }
}
