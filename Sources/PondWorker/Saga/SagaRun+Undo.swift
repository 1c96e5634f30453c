import PondCore
import PondSaga
import Synchronization

// A run that undoes goes through the handler once more, in which every step that is done gives its stored result, so that the
// handler can hand over what undoes it; behind the last of them it unwinds. Then the undos run, the newest step's first.

extension SagaRun {
    /// A step in a run that undoes: its stored result, and what undoes it.
    func replay<Value>(_ known: StepRecord?, _ request: StepRequest<Value>) throws -> Value {
        try replay(known, request.begin.name, request.coding, request.undo)
    }

    /// The same of a callback.
    func replay<Value>(
        _ known: StepRecord?,
        _ name: String,
        _ coding: StepCoding<Value>,
        _ undo: StepUndo<Value>
    ) throws -> Value {
        guard let known else { throw leaving(at: name) }
        guard known.state == .done || known.state == .skipped else {
            note(undo.action(for: known, value: nil), of: name)
            if known.state == .failed { return try value(of: known, coding) }
            throw Suspended(.replayed(name))
        }
        let value = try value(of: known, coding)
        note(undo.action(for: known, value: value), of: name)
        return value
    }

    /// The handler has come to what is not remembered: either the saga had come no further, or the handler has left its way.
    func leaving(at name: String) -> Suspended {
        state.withLock { $0.newStep = $0.newStep ?? name }
        return Suspended(.replayed(name))
    }

    func note(_ action: UndoAction?, of name: String) {
        guard let action else { return }
        let wrapped = around(action)
        state.withLock { $0.undos[name] = wrapped }
    }

    /// How far undoing has come in this delivery.
    enum Undone: Sendable {
        /// All of it.
        case all
        /// One has failed and is tried again; why, the store has been told.
        case rests(Duration)
        case stuck(error: String)
        /// Nothing undoes a step that may have happened.
        case mismatch(PlanMismatch)
        /// The handler failed before it had handed over all that undoes.
        case failed(any Error)
        case lost
    }

    /// Undoes what is still to be undone, one after the other.
    ///
    /// - Parameter thrown: what the handler threw.
    func undoAll(after thrown: (any Error)?) async throws -> Undone {
        // A handler that says no step any more has not asked for it.
        try await read()
        let (record, undos) = state.withLock { ($0.record, $0.undos) }
        if record?.state == .paused { throw stop(.paused("")) }
        // Whoever had it died between the saga's end and its job's.
        if let record, record.state == .stuck, record.steps.contains(where: { $0.undo == .stuck }) {
            return .stuck(error: record.reason)
        }
        let steps = record?.toUndo ?? []
        // The oldest one is where the handler has left what is remembered: behind it, it comes by nothing any more.
        if let step = steps.last(where: { undos[$0.name] == nil }) {
            let isReplayed = thrown == nil || thrown is Suspended || thrown is GiveUp
            if let thrown, !isReplayed { return .failed(thrown) }
            return .mismatch(PlanMismatch(step.name, instead: state.withLock(\.newStep)))
        }
        for step in steps {
            // What is left is the next delivery's.
            if Task.isCancelled { return .rests(.zero) }
            guard let action = undos[step.name] else { continue }
            if let end = try await undo(step, action) { return end }
        }
        return .all
    }

    /// - Returns: nil when it is undone, and the next may begin.
    private func undo(_ step: StepRecord, _ action: UndoAction) async throws -> Undone? {
        let name = step.name
        let attempt: Int
        switch try await asking({ [store] in try await store.beginUndo(name) }) {
        case .over: return nil
        case .lost: return .lost
        case .go(let number): attempt = number
        }
        CrashPoint.afterUndoBegin.reach()
        let end: UndoEnd
        var undone: Undone?
        do {
            end = try await action(
                StepContext(name, key: key(of: name) + StepContext.undoSuffix, attempt: attempt, isUndo: true)
            )
        } catch {
            (end, undone) = failedUndo(of: name, attempt, error)
        }
        CrashPoint.beforeUndoEnd.reach()
        let answer = try await asking({ [store, end] in try await store.endUndo(name, end) })
        CrashPoint.afterUndoEnd.reach()
        switch answer {
        case .moved: return undone
        case .lost: return .lost
        case .refused(let text): return .stuck(error: "step \(name): \(text)")
        }
    }

    private func failedUndo(of name: String, _ attempt: Int, _ error: any Error) -> (UndoEnd, Undone) {
        let text = Verdict.describe(error).cut(toBytes: Limits.lastErrorBytesMax)
        let isHopeless =
            error is UndoNeedsResult || error is GiveUp || (error as? any PermanentFailure)?.permanentCause != nil
        guard isHopeless || attempt >= UndoPolicy.attemptsMax else {
            let rest = (error as? RetryLater)?.after ?? (error as? any ToldFailure)?.retryAfter ?? .zero
            return (.retry(error: text), .rests(max(rest, UndoPolicy.backoff.delay(afterFailures: attempt))))
        }
        return (.stuck(error: text), .stuck(error: "step \(name) cannot be undone: \(text)"))
    }
}
