import Millpond
import PondCore
import PondInsight
import PondSaga

extension SagaView {
    /// The header, then a line a step.
    func text(for terminal: Terminal) -> String {
        let head = sheet.text(for: terminal)
        guard !steps.isEmpty else { return head + "\n\n" + terminal.tinted("no step has begun", .dim) }
        var table = Table([
            .number("#"), .text("STEP"), .text("KIND"), .text("STATE"), .number("TRY"), .text("EFFECT"), .text("UNDO"),
            .text("BEGAN"), .number("TOOK"), .number("DUE"), .flexible("RESULT OR ERROR"),
        ])
        for step in steps { table.add(row(step)) }
        return head + "\n\n" + table.text(for: terminal)
    }

    private var sheet: Sheet {
        var sheet = Sheet()
        sheet.add("saga", "\(queue)/\(id)", .bold)
        sheet.add("kind", kind)
        let time = since.map { " for \(now.since($0).human), since \($0.iso8601)" } ?? ""
        sheet.add("state", state.rawValue + time, state.tint)
        sheet.add("reason", reason)
        sheet.add("turned", turn.map { "\($0.rawValue) when all is undone" })
        sheet.add(
            "job",
            job == "unknown" ? "has ended" : job + (due.map { ", due \(moment($0)) (\($0.iso8601))" } ?? "")
        )
        sheet.add("waits", parks > 0 ? "it has waited \(parks.of("time")) without a slot" : nil)
        sheet.add("replay of", forkedFrom.map { "\(queue)/\($0) from step \(forkStep ?? "-")" })
        sheet.add("keys", keys.map { "those of \($0)" })
        sheet.add("replayed as", forkedTo.map { "\(queue)/\($0)" })
        return sheet
    }

    private var now: ServerTime { at ?? ServerTime(milliseconds: 0) }

    private func row(_ step: Step) -> [Table.Cell] {
        let tries = step.undoAttempts > 0 ? " (\(step.undoAttempts))" : ""
        return [
            .text("\(step.sequence)"), .text(step.name + (step.pivot ? " (pivot)" : ""), .bold),
            .text(step.kind.rawValue),
            .text(word(of: step), step.state.tint), .text("\(step.attempt)"),
            .text(step.effect.rawValue), .text(step.undo == .none ? "-" : step.undo.rawValue + tries, step.undo.tint),
            .text(step.began?.iso8601 ?? "-"),
            .text(
                Duration.milliseconds(Int64(step.took * 1_000)).human
                    + (step.ended == nil && !state.isFinal ? " …" : "")
            ),
            .text(step.due.map { moment($0) } ?? "-"), .text(outcome(of: step), step.error.isEmpty ? nil : .red),
        ]
    }

    /// How far a step is; what has not ended when its saga does never will.
    private func word(of step: Step) -> String {
        let isOpen = step.ended == nil && (step.state == .running || step.state == .waiting)
        return (isOpen && state.isFinal ? "not ended" : step.state.rawValue) + (step.late ? " (late)" : "")
    }

    private func moment(_ time: ServerTime) -> String {
        let left = time.since(now)
        return left > .zero ? "in \(left.human)" : "\((.zero - left).human) ago"
    }

    private static let shown = 120

    private func outcome(of step: Step) -> String {
        if !step.error.isEmpty { return cut(step.error) }
        if let signal = step.signal { return "waits for the signal \(signal)" }
        if let result = step.result { return cut(result) }
        return step.resultBase64.map { "bytes, in base64: \(cut($0))" } ?? ""
    }

    private func cut(_ text: String) -> String {
        let line = text.prefix { !$0.isNewline }
        return line.count > Self.shown ? "\(line.prefix(Self.shown))…" : String(line)
    }
}

extension StepRecord.State {
    fileprivate var tint: Tint? {
        switch self {
        case .failed, .unknown: .red
        case .waiting, .skipped: .yellow
        case .done: .green
        case .running: nil
        }
    }
}

extension StepRecord.Undo {
    fileprivate var tint: Tint? {
        switch self {
        case .stuck: .red
        case .running, .abandoned: .yellow
        case .done: .green
        case .none, .armed, .skipped: nil
        }
    }
}
