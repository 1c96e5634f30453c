import Millpond
import PondCore
import PondInsight
import PondQueue

/// An intent's jobs, set for people and for programs.
struct CorrView {
    let answer: IntentReader.Answer
    var isASCII = false
    /// What all of them together may take; nil when the intent has no budget.
    var budget: BudgetState?

    private var tree: IntentTree { answer.tree }

    /// Columns beside the bars at most, so that the whole fits into 80 in the usual case.
    private static let besides = 62

    func text(for terminal: Terminal) -> String {
        let width = min(80, max(16, (terminal.traits.columns ?? 100) - Self.besides))
        var table = Table([
            .flexible("JOB"), .flexible("ID"), .text("STATE"), .number("TRIES"), .number("WAIT"), .number("RUN"),
            .text(scale(width)),
        ])
        for row in tree.rows {
            let cells = Cells(row)
            table.add([
                .text(guide(row) + cells.name), .text(cells.id), .text(cells.state, Self.tint(cells.state)),
                .text(cells.tries), .text(cells.wait), .text(cells.run),
                .text(tree.bar(of: row, width: width, isASCII: isASCII)),
            ])
        }
        return "\(sentence)\(money)\n\n\(table.text(for: terminal))\n\n\(legend)"
    }

    /// What stands in a row beside its bar: of a job or of a step.
    struct Cells {
        let name, id, state, tries, wait, run: String

        init(_ row: IntentTree.Row) {
            let segments = row.step?.segments ?? row.job.segments
            if let step = row.step {
                (name, state, tries) = (step.name, step.word, step.attempt.map { "\($0)" } ?? "")
                id = step.due.map { "until \($0.iso8601)" } ?? step.kind?.rawValue ?? ""
            } else {
                (name, id) = (row.job.kind ?? "?", "\(row.job.queue)/\(row.job.id)")
                (state, tries) = (row.job.state, "\(row.job.tries)")
            }
            wait = Self.time(segments, row.step == nil ? [.wait] : [.parked])
            run = Self.time(segments, [.run, .undo])
        }

        private static func time(_ segments: [IntentSegment], _ kinds: [IntentSegment.Kind]) -> String {
            guard segments.contains(where: { kinds.contains($0.kind) }) else { return "-" }
            return kinds.reduce(.zero) { $0 + segments.time($1) }.human
        }
    }

    func guide(_ row: IntentTree.Row) -> String {
        guard isASCII else { return row.guide }
        return row.guide.replacing("│", with: "|").replacing("├─", with: "|-").replacing("└─", with: "`-")
    }

    private func scale(_ width: Int) -> String {
        let length = total.human
        return "0" + String(repeating: " ", count: max(1, width - 1 - length.count)) + length
    }

    private var total: Duration {
        guard let start = tree.start, let end = tree.end else { return .zero }
        return end.since(start)
    }

    /// One line about all of them.
    var sentence: String {
        let jobs = tree.rows.filter { $0.step == nil }
        let states = Dictionary(grouping: jobs, by: \.job.state).mapValues(\.count)
        let parts = states.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value.grouped) \($0.key)" }
        return SafeText.escaped(
            "\(answer.correlationID): \(jobs.count.of("job")) in \(total.human); \(parts.joined(separator: ", "))"
        )
    }

    /// A line about the budget, when there is one.
    private var money: String {
        guard let budget else { return "" }
        let spent = budget.lines.map { line in
            let limit = line.limit.map { " of \(line.part.text($0))" } ?? ""
            return "\(line.part.word) \(line.part.text(line.committed))\(limit)"
        }
        return "\nbudget: " + SafeText.escaped("\(spent.joined(separator: ", ")); \(BudgetView.word(budget))")
    }

    private var legend: String {
        let names: [(IntentSegment.Kind, String)] = [
            (.held, "not due"), (.wait, "ready, waits"), (.run, "runs"), (.backoff, "rests until the next try"),
        ]
        let isSaga = tree.rows.contains { $0.step != nil || $0.job.segments.contains { $0.kind == .parked } }
        let ofSagas: [(IntentSegment.Kind, String)] = [(.parked, "waits without a slot"), (.undo, "undoes")]
        let isLimited = tree.rows.contains { $0.job.segments.contains { $0.kind == .limited } }
        let ofLimits: [(IntentSegment.Kind, String)] = [(.limited, "held back by a limit")]
        return (names + (isSaga ? ofSagas : []) + (isLimited ? ofLimits : [])).map {
            "\($0.letter(isASCII: isASCII)) \($1)"
        }.joined(separator: "   ")
    }

    static func tint(_ state: String) -> Tint? {
        switch state {
        case "done", "compensated": .green
        case "dead", "dropped", "failed", "unknown", "undo stuck": .red
        case "running": .cyan
        case "expired", "held", "limited", "waiting", "undoing", "undone", "not undone", "abandoned": .yellow
        default: nil
        }
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "Intent",
            items: tree.rows.filter { $0.step == nil }.map(json),
            [
                ("correlation_id", .string(answer.correlationID)), ("at", .time(answer.now)),
                ("from", .time(tree.start)), ("to", .time(tree.end)),
                ("unseen", .array(answer.unseen.map { .string($0) })),
                ("budget", budget.map { BudgetView.json($0) } ?? .null),
            ]
        )
    }

    private func json(_ row: IntentTree.Row) -> JSONValue {
        let job = row.job
        return .object([
            ("queue", .string(job.queue)), ("id", .string(job.id.text)), ("kind", .text(job.kind)),
            ("causation_id", .text(job.causationID)), ("depth", .count(row.depth)), ("state", .string(job.state)),
            ("tries", .count(job.tries)), ("wait", .seconds(job.time(.wait))), ("run", .seconds(job.time(.run))),
            ("segments", Self.json(job.segments)), ("parent_step", .text(job.parentStep)),
            ("steps", .array(job.steps.map { Self.json($0) })),
        ])
    }

    private static func json(_ segments: [IntentSegment]) -> JSONValue {
        .array(
            segments.map { segment in
                .object([
                    ("kind", .string(segment.kind.rawValue)), ("from", .time(segment.from)),
                    ("from_ms", .int(segment.from.milliseconds)), ("to_ms", .int(segment.to.milliseconds)),
                    ("open", .bool(segment.isOpen)),
                ])
            }
        )
    }

    private static func json(_ step: IntentStep) -> JSONValue {
        .object([
            ("name", .string(step.name)), ("kind", .text(step.kind?.rawValue)), ("state", .string(step.state)),
            ("undo", .text(step.undo?.rawValue)), ("attempt", step.attempt.map { .count($0) } ?? .null),
            ("due", .time(step.due)), ("error", .text(step.error)), ("segments", json(step.segments)),
        ])
    }
}
