// What is judged of a job that has become a saga.

import PondCore
import PondQueue
import PondSaga

extension JobSnapshot {
    /// What its saga says of where the job is; nil where its place says more.
    var sagaJudgement: Diagnosis? {
        guard let record = saga?.record else { return nil }
        switch (record.state, situation.report.state) {
        case (.stuck, .dead): return stuck(record)
        case (.paused, .waiting), (.paused, .ready), (.paused, .held), (.paused, .limited): return paused(record)
        case (.waiting, .waiting): return parked
        case (.undoing, .running): return undoing(record)
        case (.undoing, .waiting): return undoesAfterChildren(record)
        case (.undoing, .held): return undoRests(record)
        default: return nil
        }
    }

    /// The waits that nothing has come for yet.
    var openWaits: [StepRecord] { saga?.record.steps.filter { $0.state == .waiting } ?? [] }

    /// The command that cancels it, where that is what people may do: behind its pivot it asks for more, and undoing it is done.
    var cancelling: [Action] {
        guard let record = saga?.record else { return [.cancelSaga(address)] }
        return record.isPastPivot || record.undoes || replay != nil ? [] : [.cancelSaga(address)]
    }

    /// The saga that goes on in its place.
    var replay: String? { saga?.forkedTo.map { "\(queue)/\($0)" } }

    /// Adds what its saga means for a diagnosis that comes from the job's place.
    func tellOfSaga(_ diagnosis: inout Diagnosis) {
        guard let record = saga?.record else { return }
        let isTold = [Reason.undoing, .sagaPaused, .stepUnknown, .sagaStuck].contains(diagnosis.reason)
        if isUndo, !isTold {
            diagnosis.detail = "its saga undoes what it did (\(undoProgress(record))): \(diagnosis.detail)"
        }
        if record.state == .paused, situation.report.state == .running {
            diagnosis.next = "its saga is paused, so it begins no more steps and waits until somebody resumes it"
            diagnosis.actions.insert(.resumeSaga(address), at: 0)
        }
        if record.isPastPivot || isUndo { diagnosis.actions.removeAll { $0 == .cancel(address) } }
        if record.state == .compensated || record.state == .cancelled, !record.reason.isEmpty {
            diagnosis.detail += "; its saga turned round because of \(firstLine(of: record.whyTurned))"
        }
        if !diagnosis.actions.contains(.saga(address)) { diagnosis.actions.append(.saga(address)) }
    }
}

// MARK: - Waiting

extension JobSnapshot {
    /// Of a saga that waits without a slot.
    var parked: Diagnosis {
        let due = situation.report.due
        if let due, situation.now.since(due) > Self.promotionTime { return overdue(by: situation.now.since(due)) }
        if due == nil, openWaits.contains(where: { $0.due != nil }) { return unscheduled }
        // What somebody has to do something for is told of first.
        let order: [StepRecord.Kind] = [.callback, .signal, .children, .sleep]
        let waits = openWaits.sorted { order.firstIndex(of: $0.kind) ?? 9 < order.firstIndex(of: $1.kind) ?? 9 }
        guard let first = waits.first else {
            let text = "its saga waits, and nothing is known of what for"
            return Diagnosis(.waitingTimer, text, next: whenOver(due), do: cancelling)
        }
        var diagnosis = waiting(for: first)
        let others = waits.dropFirst().prefix(3).map { "step \($0.name) (\($0.kind.rawValue))" }
        if !others.isEmpty {
            let more = waits.count > 4 ? " and \((waits.count - 4).of("other"))" : ""
            diagnosis.detail +=
                "; it also waits for \(others.joined(separator: ", "))\(more), and goes on with the first"
        }
        diagnosis.since = first.began
        return diagnosis
    }

    /// A time should wake it, and it is not on the list of times.
    private var unscheduled: Diagnosis {
        Diagnosis(
            .waitingTimer,
            "its saga waits for a time, and is on no list of times: its entry in \(queue)'s waits was deleted by hand",
            next: "nothing, until somebody lets it go on; it then waits for what is left",
            do: [.resumeSaga(address)]
        )
    }

    private func waiting(for step: StepRecord) -> Diagnosis {
        let name = firstLine(of: step.name)
        switch step.kind {
        case .callback:
            return Diagnosis(
                .waitingToken,
                "step \(name) waits for an answer to the token that it has given out",
                next: whenOver(step.due, or: "nothing, until somebody answers"),
                do: [.sayResult(address, step.name), .resolveToken] + cancelling
            )
        case .signal:
            let signal = saga?.signals[step.name] ?? step.name
            return Diagnosis(
                .waitingSignal,
                "step \(name) waits for the signal \(firstLine(of: signal))",
                next: whenOver(step.due, or: "nothing, until somebody sends it"),
                do: [.signal(address, signal), .sayDone(address, step.name)] + cancelling
            )
        case .children:
            return Diagnosis(
                .waitingChildren,
                "step \(name) waits for its child jobs\(progress(of: step.name))\(trouble)",
                next: whenOver(step.due, or: "it goes on when enough of them have ended"),
                do: children.prefix(1).map { .why($0.address) } + [.intent(address)] + cancelling
            )
        case .sleep, .step:
            return Diagnosis(
                .waitingTimer,
                "step \(name) sleeps\(step.due.map { " until \($0.iso8601)" } ?? "")",
                next: whenOver(step.due),
                do: [.sayDone(address, step.name)] + cancelling
            )
        }
    }

    private func whenOver(_ due: ServerTime?, or otherwise: String? = nil) -> String {
        guard let due else { return otherwise ?? "nothing by itself" }
        let left = max(.zero, due.since(situation.now)).human
        return otherwise.map { "\($0); in \(left), at \(due.iso8601), its time is up and the handler is told so" }
            ?? "it goes on in \(left), at \(due.iso8601)"
    }

    /// What the one of its children is about that needs somebody most.
    private var trouble: String {
        guard let child = children.first else { return "" }
        return
            "; \(child.address) (\(child.kind ?? "no kind")) is \(child.reason.rawValue): \(firstLine(of: child.detail))"
    }

    /// `: 17 of 20 have ended, 2 of them badly; 3 are on their way`.
    private func progress(of step: String) -> String {
        guard let join = joins[step] else { return "" }
        let ended = join.succeeded + join.failed
        let bad = join.failed > 0 ? ", \(join.failed.grouped) of them badly" : ""
        let open = max(0, join.started - ended)
        return
            ": \(ended.grouped) of \(join.total.grouped) have ended\(bad); \(open.of("job", ("is", "are"))) on \(open == 1 ? "its" : "their") way"
    }
}

// MARK: - Undoing, paused, stuck

extension JobSnapshot {
    private func undoing(_ record: SagaRecord) -> Diagnosis {
        let place = running
        // That its worker is silent or lost says more.
        guard place.reason == .running else { return place }
        let why = record.whyTurned.isEmpty ? "" : ", because \(firstLine(of: record.whyTurned))"
        return Diagnosis(
            .undoing,
            "it has turned round\(why); \(undoProgress(record)); \(place.detail)",
            next: "it ends as \(record.undoneState.rawValue) when all is undone; an undo that fails is tried "
                + "\(UndoPolicy.attemptsMax) times, and then a person has to say",
            do: [.saga(address), .workers(queue)],
            since: record.since
        )
    }

    /// It has turned round, and its children have not ended.
    private func undoesAfterChildren(_ record: SagaRecord) -> Diagnosis {
        let why = record.whyTurned.isEmpty ? "" : ", because \(firstLine(of: record.whyTurned))"
        let fanOuts = record.steps.filter { $0.kind == .children }
        let open = fanOuts.reduce(0) { sum, step in
            sum + (joins[step.name].map { max(0, $0.started - $0.succeeded - $0.failed) } ?? 0)
        }
        let left = open > 0 ? open.of("child job", ("has", "have")) : "a child job has"
        return Diagnosis(
            .undoing,
            "it has turned round\(why); \(left) not ended, and nothing is undone before\(trouble)",
            next: "it undoes what it did when its children, which are cancelled, have ended; \(undoProgress(record))",
            do: children.prefix(1).map { .why($0.address) } + [.intent(address), .saga(address)],
            since: record.since
        )
    }

    /// `step account is next, at its 3rd try (HTTP 503); 2 are left`.
    func undoProgress(_ record: SagaRecord) -> String {
        let left = record.toUndo
        guard let next = left.first else { return "all is undone" }
        let tries = next.undoAttempt > 0 ? ", tried \(next.undoAttempt.of("time"))" : ""
        let error = next.undoAttempt > 1 && !next.error.isEmpty ? " (\(firstLine(of: next.error)))" : ""
        return "step \(firstLine(of: next.name)) is next to be undone\(tries)\(error), \(left.count.grouped) in all"
    }
}

// MARK: - Facts

extension JobSnapshot {
    private static let stepsShown = 8

    /// `undoing for 4m12s (compensated when all is undone), 3 steps`.
    var sagaFact: String? {
        guard let record = saga?.record else { return nil }
        let turn = record.turn.map { " (\($0.rawValue) when all is undone)" } ?? ""
        let from = saga?.forkedFrom.map { ", a replay of \(queue)/\($0)" } ?? ""
        return "\(record.state.rawValue) for \(situation.now.since(record.since).human)\(turn), "
            + record.steps.count.of("step") + from
    }

    /// The last steps in a line: `account done ─ payment waiting`.
    var stepsFact: String? {
        guard let steps = saga?.record.steps, !steps.isEmpty else { return nil }
        let shown = steps.suffix(Self.stepsShown).map { step in
            let undo = [.none, .armed].contains(step.undo) ? "" : ", undo \(step.undo.rawValue)"
            return "\(firstLine(of: step.name)) \(step.state.rawValue)\(undo)"
        }
        return ((steps.count > Self.stepsShown ? ["…"] : []) + shown).joined(separator: " ─ ")
    }
}
