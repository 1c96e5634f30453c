import Logging
import PondCore
import PondSaga
import Synchronization

/// What becomes of a saga's job when its handler has ended.
enum SagaEnding: Sendable {
    /// The delivery is settled as any job's.
    case settle(Outcome)
    /// The delivery has ended already: the job waits, is parked, or comes back to undo. The outcome is what middleware is told.
    case moved(Outcome)
    /// Another worker has the job.
    case lost
}

extension SagaRun {
    /// Goes on after a run of the handler, until it has ended, is parked, or has undone what there is to undo.
    ///
    /// - Parameters:
    ///   - first: what the run threw.
    ///   - spent: what all tries together took until now.
    ///   - perform: runs the handler once more.
    /// - Returns: what the handler threw last, and how far undoing has come in a run that undoes.
    nonisolated(nonsending) func live(
        after first: (any Error)?,
        spent: () -> Spending,
        _ perform: nonisolated(nonsending) () async -> (any Error)?
    ) async -> (thrown: (any Error)?, undone: Undone?) {
        var thrown = first
        do {
            if isUndoing {
                let own = state.withLock(\.undone)
                guard own != nil || state.withLock({ $0.stop == nil }) else { return (thrown, nil) }
                let undone = if let own { try own.get() } else { try await undoAll(after: thrown) }
                return (thrown, state.withLock { $0.stop == nil } ? undone : nil)
            }
            while thrown is Suspended, try await park(spent: spent()) {
                // What is over stays so, and whoever has the job next finds it.
                if Task.isCancelled { return (CancellationError(), nil) }
                startOver()
                thrown = await perform()
            }
        } catch {
            return (error, nil)
        }
        let open = state.withLock { $0.stop == nil ? $0.waits.map(\.name) : [] }
        if thrown == nil, !open.isEmpty { thrown = SuspensionCaught(names: open) }
        return (thrown, nil)
    }

    /// Parks the saga with all that it waits for.
    ///
    /// - Returns: true when some of it is there already, so that the handler has to run again.
    private func park(spent: Spending) async throws -> Bool {
        let (waits, isOpen) = state.withLock { ($0.waits, $0.stop == nil && $0.rest == nil) }
        guard isOpen, !waits.isEmpty else { return false }
        CrashPoint.beforePark.reach()
        let answer = try await asking { [store] in try await store.wait(waits, spent: spent) }
        state.withLock { $0.exists = true }
        switch answer {
        case .over: return true
        case .open: preconditionFailure("whoever asks to be parked is not told that a wait is open")
        case .parked:
            CrashPoint.afterPark.reach()
            _ = stop(.parked)
        case .undoing: _ = stop(.turned)
        case .paused: _ = stop(.paused(""))
        case .lost: _ = stop(.lost)
        case .mismatch(let record): _ = stop(.paused("plan_mismatch: \(record.name)"))
        case .refused(let text): throw GiveUp(text, cause: "saga_refused")
        }
        return false
    }

    /// Writes down what the end of a run means.
    ///
    /// - Parameters:
    ///   - thrown: what the handler threw last.
    ///   - undone: how far undoing has come.
    ///   - outcome: what it would be for a job that is no saga; nil when another worker has it.
    func conclude(
        _ thrown: (any Error)?,
        _ undone: Undone?,
        _ outcome: Outcome?,
        spent: Spending
    ) async throws -> SagaEnding {
        let (stop, rest) = state.withLock { state in
            // They hold whatever the handler gave them, its context too, which holds this.
            state.undos = [:]
            return (state.stop, state.rest)
        }
        switch stop {
        case .parked: return .moved(.postponed(for: .zero))
        case .lost: return .lost
        case .turned: return try await turn(.cancelled("turned"), spent)
        case .paused(let reason): return try await pause(reason, spent)
        case nil: break
        }
        if let undone { return try await conclude(undone, outcome, spent) }
        guard let outcome else { return .lost }
        // What there is to undo could not be asked for.
        if isUndoing { return .settle(outcome == .released ? .released : .postponed(for: Self.undoPause)) }
        // Of a worker that stops it is released, and rests no longer than it has to.
        if let rest, thrown is Suspended, outcome != .released { return .settle(.postponed(for: rest)) }
        switch outcome {
        case .dead(let cause, let error): return try await turn(.failed(cause: cause, error: error), spent, or: outcome)
        case .cancelled: return try await turn(.cancelled("cancelled"), spent, or: outcome)
        // The settlement ends what is remembered too, and turns a saga that somebody has cancelled meanwhile.
        default: return .settle(outcome)
        }
    }

    private func conclude(_ undone: Undone, _ outcome: Outcome?, _ spent: Spending) async throws -> SagaEnding {
        switch undone {
        case .all:
            // Why it turned round is why it ended so.
            let (state, reason) = state.withLock {
                ($0.record?.undoneState ?? .compensated, $0.record?.whyTurned ?? "")
            }
            return try await end(state, reason, state == .cancelled ? .cancelled : .compensated, spent)
        case .stuck(let error): return try await end(.stuck, error, .dead(cause: .sagaStuck, error: error), spent)
        case .rests(let rest): return .settle(outcome == .released ? .released : .postponed(for: rest))
        case .mismatch(let mismatch): return try await pause(mismatch.reason, spent)
        case .lost: return .lost
        case .failed(let error):
            // A handler that cannot even be replayed has tries as any, and then waits for a person or another build.
            guard let outcome else { return .lost }
            if case .dead = outcome { return try await pause("undo_failed: \(Verdict.describe(error))", spent) }
            return .settle(outcome == .cancelled ? .released : outcome)
        }
    }

    private func turn(_ reason: SagaTurn, _ spent: Spending, or outcome: Outcome = .released) async throws -> SagaEnding
    {
        guard state.withLock({ $0.exists }) else { return .settle(outcome) }
        CrashPoint.beforeTurn.reach()
        let answer = try await asking({ [store] in try await store.turn(reason, spent: spent) })
        CrashPoint.afterTurn.reach()
        switch answer {
        case .moved:
            logger()?.warning("a saga turns round: what it did is undone", metadata: ["reason": "\(reason.text)"])
            return .moved(.released)
        case .lost: return .lost
        case .refused(let text) where text.hasPrefix("pivot"):
            let why =
                switch reason {
                case .failed(let cause, let error): StepFailureText.of(cause: cause.name, reason: error)
                case .cancelled(let text): text
                }
            return try await pause("forward_only: \(why)", spent)
        // Somebody has paused it: what became of it is seen when it goes on.
        case .refused("paused"): return try await pause("", spent)
        // There is nothing to undo.
        case .refused: return .settle(outcome)
        }
    }

    private func pause(_ reason: String, _ spent: Spending) async throws -> SagaEnding {
        let answer = try await asking({ [store] in try await store.pause(reason, spent: spent) })
        CrashPoint.afterSagaPause.reach()
        switch answer {
        case .moved:
            // Somebody else paused it where no reason is given here.
            if !reason.isEmpty {
                logger()?.warning(
                    "a saga is paused until somebody decides; see pond why",
                    metadata: ["reason": "\(reason)"]
                )
            }
            return .moved(.released)
        case .lost: return .lost
        case .refused: return .settle(.released)
        }
    }

    /// The last word on a saga that has turned round, and how its job is settled then.
    private func end(
        _ state: SagaRecord.State,
        _ reason: String,
        _ outcome: Outcome,
        _ spent: Spending
    ) async throws -> SagaEnding {
        CrashPoint.beforeSagaEnd.reach()
        let answer = try await asking({ [store] in try await store.end(state, reason) })
        CrashPoint.afterSagaEnd.reach()
        switch answer {
        case .moved: return .settle(outcome)
        case .lost: return .lost
        case .refused(let text) where text.contains("paused"): return try await pause("", spent)
        case .refused(let text):
            throw PondError(.invalidConfiguration, "saga \(job.id) does not end as \(state.rawValue): \(text)")
        }
    }
}
