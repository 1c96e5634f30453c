import PondCore
import PondSaga
import Synchronization

/// A saga's memory in a test, on behalf of one delivery.
struct MemorySagaStore: SagaStore {
    let saga: MemorySaga
    let delivery: Int

    /// Changes the saga, when the delivery has it still.
    private func change<Answer: Sendable>(
        lost: Answer,
        _ body: (inout MemorySaga.State, ServerTime) throws -> Answer
    ) throws -> Answer {
        let now = saga.now
        return try saga.state.withLock { state in
            if state.hasCrashed { throw MemorySaga.WorkerDied() }
            guard state.delivery == delivery else { return lost }
            return try body(&state, now)
        }
    }

    func read() throws -> SagaRecord? { saga.state.withLock(\.record) }

    func begin(_ step: StepBegin) throws -> StepAnswer {
        try change(lost: .lost) { state, now in
            if state.record == nil { state.record = SagaRecord(state: .running, since: now) }
            if let known = state.record?[step.name] {
                let isSame =
                    known.fingerprint.isEmpty || step.fingerprint.isEmpty || known.fingerprint == step.fingerprint
                guard known.kind == step.kind, isSame else { return .mismatch(known) }
                guard known.state == .running else { return .known(known) }
            }
            if state.record?.state == .undoing { return .undoing }
            if state.record?.state == .paused { return .paused }
            return Self.begin(step, &state, now, delivery)
        }
    }

    private static func begin(
        _ step: StepBegin,
        _ state: inout MemorySaga.State,
        _ now: ServerTime,
        _ delivery: Int
    ) -> StepAnswer {
        if let known = state.record?[step.name] {
            if known.effect == .once, known.error.isEmpty {
                state.change(step.name) { $0.state = .unknown }
                return .known(state.record?[step.name] ?? known)
            }
            state.change(step.name) { ($0.attempt, $0.error) = ($0.attempt + 1, "") }
            return .go(attempt: known.attempt + 1, token: state.tokens[step.name])
        }
        if let token = step.token { state.tokens[step.name] = token }
        state.add(
            StepRecord(
                name: step.name,
                kind: step.kind,
                state: .running,
                sequence: 0,
                effect: step.effect,
                undo: step.hasUndo ? .armed : .none,
                isPivot: step.isPivot,
                fingerprint: step.fingerprint,
                began: now,
                due: step.within.map { now.advanced(by: $0) }
            )
        )
        return .go(attempt: 1, token: step.token)
    }

    func commit(_ name: String, _ end: StepEnd) throws -> CommitAnswer {
        let answer: CommitAnswer = try change(lost: .lost) { state, now in
            if state.crash == .during(name) { try Self.die(&state) }
            state.change(name) { step in
                switch end {
                case .done(let result): (step.state, step.result, step.error, step.ended) = (.done, result, "", now)
                case .retry(let error): step.error = error
                case .failed(let error, let isCertain):
                    (step.state, step.error, step.ended) = (.failed, error, now)
                    if isCertain, step.undo == .armed { step.undo = .skipped }
                case .sent: if step.state == .running { step.state = .waiting }
                }
            }
            guard state.record?.state == .undoing else { return .kept }
            state.change(name) { $0.isLate = true }
            return .late
        }
        try change(lost: ()) { state, _ in
            if state.crash == .after(name) { try Self.die(&state) }
        }
        return answer
    }

    private static func die(_ state: inout MemorySaga.State) throws -> Never {
        (state.crash, state.hasCrashed) = (nil, true)
        throw MemorySaga.WorkerDied()
    }

    func wait(_ waits: [SagaWait], spent: Spending?) throws -> WaitAnswer {
        try change(lost: .lost) { state, now in
            if state.record == nil { state.record = SagaRecord(state: .running, since: now) }
            if state.record?.state == .undoing { return .undoing }
            if state.record?.state == .paused { return .paused }
            for wait in waits {
                if let known = state.record?[wait.name], known.kind != wait.kind.recorded { return .mismatch(known) }
                if state.record?[wait.name] == nil {
                    state.add(
                        StepRecord(name: wait.name, kind: wait.kind.recorded, state: .waiting, sequence: 0, began: now)
                    )
                }
                state.change(wait.name) { step in
                    if step.state == .running { step.state = .waiting }
                    step.due = step.due ?? wait.within.map { now.advanced(by: $0) }
                }
                state.look(at: wait, now: now)
            }
            let over = waits.compactMap { state.record?[$0.name] }.first { $0.state != .waiting }
            if let over { return .over(over) }
            (state.place, state.open) = (.waiting, waits)
            state.move(to: .waiting, "", at: now)
            return .parked
        }
    }

    func children(_ children: SagaChildren) throws -> StepAnswer {
        try change(lost: .lost) { state, now in
            if state.record == nil { state.record = SagaRecord(state: .running, since: now) }
            if state.record?.state == .undoing { return .undoing }
            if state.record?[children.name] == nil {
                state.add(
                    StepRecord(
                        name: children.name,
                        kind: .children,
                        state: .running,
                        sequence: 0,
                        fingerprint: children.fingerprint,
                        began: now
                    )
                )
            }
            var join =
                state.children[children.name]
                ?? MemoryJoin(kind: children.kind, payloads: [], ends: [], policy: children.policy)
            // A page that was given before starts nothing.
            if join.payloads.count == children.offset {
                join.payloads += children.payloads
                join.ends += children.payloads.map { _ in .open }
            }
            state.children[children.name] = join
            if join.payloads.count == children.total { state.change(children.name) { $0.state = .waiting } }
            return .go(attempt: 1, token: nil)
        }
    }

    func ends(of name: String, _ range: Range<Int>) throws -> [ChildEnd] {
        saga.state.withLock { state in
            let ends = state.children[name]?.ends ?? []
            return Array(ends[range.clamped(to: ends.indices)])
        }
    }
}

// How it turns round, and its end.
extension MemorySagaStore {
    func turn(_ reason: SagaTurn, spent: Spending?) throws -> SagaMove {
        try change(lost: .lost) { state, now in
            guard let record = state.record else { return .refused("nothing to undo") }
            let (end, text): (SagaRecord.State, String) =
                switch reason {
                case .failed(let cause, let error): (.compensated, "\(cause): \(error)")
                case .cancelled(let text): (.cancelled, text)
                }
            if record.state != .undoing {
                if end == .compensated, let pivot = record.steps.first(where: { $0.isPivot && $0.state == .done }) {
                    return .refused("pivot \(pivot.name)")
                }
                if record.toUndo.isEmpty { return .refused("nothing to undo") }
            }
            state.turn(end, text, at: now)
            return .moved
        }
    }

    func beginUndo(_ name: String) throws -> UndoAnswer {
        try change(lost: .lost) { state, _ in
            guard let step = state.record?[name], step.undo == .armed || step.undo == .running else { return .over }
            state.change(name) { ($0.undo, $0.undoAttempt) = (.running, $0.undoAttempt + 1) }
            return .go(attempt: step.undoAttempt + 1)
        }
    }

    func endUndo(_ name: String, _ end: UndoEnd) throws -> SagaMove {
        try change(lost: .lost) { state, _ in
            if state.crash == .duringUndo(name) { try Self.die(&state) }
            state.change(name) { step in
                switch end {
                case .done: step.undo = .done
                case .retry(let error): (step.undo, step.error) = (.armed, error)
                case .stuck(let error): (step.undo, step.error) = (.stuck, error)
                case .skipped: step.undo = .skipped
                }
            }
            if case .done = end { state.undone.append(name) }
            return .moved
        }
    }

    func pause(_ reason: String, spent: Spending?) throws -> SagaMove {
        try change(lost: .lost) { state, now in
            if state.record?.state != .paused { state.move(to: .paused, reason, at: now) }
            state.place = .parked
            return .moved
        }
    }

    func end(_ end: SagaRecord.State, _ reason: String) throws -> SagaMove {
        try change(lost: .lost) { state, now in
            guard let record = state.record else { return .refused("the saga is none, not running") }
            let isBackwards = end == .compensated || (end == .cancelled && record.state == .undoing) || end == .stuck
            if !isBackwards, record.state == .undoing { return .refused("the saga is undoing") }
            if !isBackwards, record.state == .paused { return .refused("the saga is paused, not running") }
            if isBackwards, end != .stuck, let left = record.toUndo.first {
                return .refused("step \"\(left.name)\" is not undone")
            }
            state.move(to: end, reason.isEmpty ? record.reason : reason, at: now)
            state.place = .ended
            return .moved
        }
    }
}

extension SagaWait.Kind {
    /// As what it is remembered.
    fileprivate var recorded: StepRecord.Kind {
        switch self {
        case .sleep: .sleep
        case .callback: .callback
        case .signal: .signal
        case .children: .children
        }
    }
}
