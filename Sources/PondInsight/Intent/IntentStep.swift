package import PondCore
package import PondSaga
import PondSQLite

/// A step of a saga, or a wait, and its undo, for a chart below the job.
package struct IntentStep: Sendable, Hashable {
    /// Unique in the saga.
    package var name: String
    /// What kind of thing it is; nil when only its events are known.
    package var kind: StepRecord.Kind?
    /// `done`, `failed` and so on as the saga has it; `abandoned` for a wait that was open when the saga turned round.
    package var state: String
    /// What became of its undo; nil when nothing is known of one.
    package var undo: StepRecord.Undo?
    /// How often it was begun.
    package var attempt: Int?
    /// When a wait that is open is over by itself.
    package var due: ServerTime?
    /// What went wrong last.
    package var error: String?
    /// What it did: it ran or waited, and its undo ran.
    package var segments: [IntentSegment] = []

    /// The state, or what became of the undo where that says more.
    package var word: String {
        switch undo {
        case .running: "undoing"
        case .done: "undone"
        case .stuck: "undo stuck"
        case .abandoned: "not undone"
        case .none?, .armed, .skipped, nil: state
        }
    }

    /// Whether the jobs that it started stand below it.
    var hasChildren: Bool { kind == .children }
}

/// The steps of a saga, from what happened and what is remembered.
struct IntentSteps {
    private var steps: [String: IntentStep] = [:]
    private var order: [String] = []

    /// In the order in which they began, as far as that is known.
    var all: [IntentStep] { order.compactMap { steps[$0] } }

    mutating func take(_ event: IntentEvent) {
        if event.what == .turned { return turn(at: event.time) }
        guard let name = event.step else { return }
        switch event.what {
        case .wait, .children, .waiting: wait(name, event)
        case .waited: end(name, event, .parked, event.words.first ?? "done")
        case .step: end(name, event, .run, "done")
        case .stepRetried: end(name, event, .run, "running")
        case .stepFailed: end(name, event, .run, "failed")
        case .stepUnknown: change(name) { $0.state = "unknown" }
        case .undone: undo(name, event, .done)
        case .undoRetried: undo(name, event, .armed)
        case .undoFailed: undo(name, event, .stuck)
        case .undoSkipped: change(name) { $0.undo = .skipped }
        default: break
        }
    }

    private mutating func change(_ name: String, _ change: (inout IntentStep) -> Void) {
        if steps[name] == nil { order.append(name) }
        change(&steps[name, default: IntentStep(name: name, state: "running")])
    }

    private mutating func wait(_ name: String, _ event: IntentEvent) {
        change(name) { step in
            if event.what == .children { step.kind = .children }
            (step.state, step.due) = ("waiting", event.due ?? step.due)
            if step.segments.isEmpty {
                step.segments = [IntentSegment(.parked, from: event.time, to: event.time, isOpen: true)]
            }
        }
    }

    private mutating func end(_ name: String, _ event: IntentEvent, _ kind: IntentSegment.Kind, _ state: String) {
        change(name) { step in
            // How long it took is counted from when it first began.
            let began = event.run.map { event.time.advanced(by: .zero - $0) } ?? step.segments.first?.from ?? event.time
            step.segments =
                [IntentSegment(kind, from: began, to: event.time)] + step.segments.filter { $0.kind == .undo }
            (step.state, step.attempt, step.due) = (state, event.attempt ?? step.attempt, nil)
            step.error = state == "done" ? nil : event.text ?? step.error
        }
    }

    private mutating func undo(_ name: String, _ event: IntentEvent, _ undo: StepRecord.Undo) {
        change(name) { step in
            let began = event.run.map { event.time.advanced(by: .zero - $0) } ?? event.time
            step.segments.append(IntentSegment(.undo, from: began, to: event.time))
            step.undo = undo
            step.error = undo == .done ? step.error : event.text ?? step.error
        }
    }

    /// What is open when the saga turns round stays so.
    private mutating func turn(at time: ServerTime) {
        for name in order where steps[name]?.state == "waiting" {
            change(name) { step in
                step.state = "abandoned"
                step.segments = step.segments.map { IntentSegment($0.kind, from: $0.from, to: time) }
            }
        }
    }
}

extension IntentSteps {
    /// Adds what is remembered: it knows more of what is still open, and what the events' journal has lost.
    mutating func complete(by saga: SagaRecord, _ now: ServerTime) {
        order = saga.steps.map(\.name) + order.filter { saga[$0] == nil }
        for record in saga.steps {
            let known = steps[record.name]
            var step = IntentStep(name: record.name, kind: record.kind, state: record.state.rawValue)
            if record.state == .waiting, saga.state.isFinal || saga.turn != nil { step.state = "abandoned" }
            step.undo = record.undo == .none ? nil : record.undo
            (step.attempt, step.error) = (record.attempt, record.error.isEmpty ? nil : record.error)
            step.due = step.state == "waiting" ? record.due : nil
            step.segments =
                [Self.segment(record, step.state, known, now)] + (known?.segments.filter { $0.kind == .undo } ?? [])
            if record.undo == .running {
                let last = steps.values.flatMap(\.segments).filter { $0.kind == .undo }.map(\.to).max()
                step.segments.append(IntentSegment(.undo, from: last ?? saga.since, to: now, isOpen: true))
            }
            steps[record.name] = step
        }
    }

    private static func segment(
        _ record: StepRecord,
        _ state: String,
        _ known: IntentStep?,
        _ now: ServerTime
    ) -> IntentSegment {
        let kind: IntentSegment.Kind = record.kind == .step ? .run : .parked
        if let ended = record.ended { return IntentSegment(kind, from: record.began, to: ended) }
        let isOpen = state == "waiting" || state == "running"
        let last = known?.segments.first { $0.kind == kind }?.to ?? record.began
        return IntentSegment(kind, from: record.began, to: isOpen ? now : last, isOpen: isOpen)
    }
}
