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
            switch state.record?.state {
            case .undoing: return .undoing
            case .paused: return .paused
            case .running, .waiting, nil: break
            case let ended?: return .refused("the saga is \(ended)")
            }
            if let known = state.record?[step.name] { return again(known, step, &state) }
            if let token = step.token { state.tokens[step.name] = token }
            state.running[step.name] = delivery
            state.add(StepRecord(step, at: now))
            return .go(attempt: 1, token: step.token)
        }
    }

    /// A step that was begun before.
    private func again(_ known: StepRecord, _ step: StepBegin, _ state: inout MemorySaga.State) -> StepAnswer {
        let name = step.name
        if state.running[name] == delivery { return .go(attempt: known.attempt, token: state.tokens[name]) }
        if state.running[name] != nil {
            // Its worker died in the middle.
            state.doubts.insert(name)
            if known.effect == .once {
                state.change(name) { $0.state = .unknown }
                return .known(state.record?[name] ?? known)
            }
        }
        state.running[name] = delivery
        state.change(name) { record in
            record.attempt += 1
            if record.undo == .none, step.hasUndo { record.undo = .armed }
        }
        return .go(attempt: known.attempt + 1, token: state.tokens[name])
    }

    func commit(_ name: String, _ end: StepEnd) throws -> CommitAnswer {
        let answer: CommitAnswer = try change(lost: .lost) { state, now in
            if state.crash == .during(name) { try Self.die(&state) }
            guard let step = state.record?[name] else { return .refused("step \"\(name)\" has not begun") }
            let isLate = state.record?.state == .undoing
            if let refusal = Self.refusal(of: end, step) { return .refused(refusal) }
            if case .sent = end {
                if step.state == .running { state.change(name) { $0.state = .waiting } }
                state.running[name] = nil
            } else if !step.hasEnded {
                state.note(end, of: name, isLate: isLate, at: now)
            }
            return isLate ? .late : .kept
        }
        try change(lost: ()) { state, _ in
            if state.crash == .after(name) { try Self.die(&state) }
        }
        return answer
    }

    /// Why a step cannot end so.
    private static func refusal(of end: StepEnd, _ step: StepRecord) -> String? {
        if case .done(let result) = end, result.count > Limits.stepResultBytesMax {
            return "the result of step \"\(step.name)\" has \(result.count) bytes, allowed are "
                + "\(Limits.stepResultBytesMax)"
        }
        // A question that was not sent to its end, and has its answer all the same, was heard.
        if step.kind == .callback, step.state == .done || step.state == .failed { return nil }
        guard step.hasEnded else { return nil }
        let isSame =
            switch end {
            case .done(let result): step.state == .done && step.result == result
            case .failed: step.state == .failed
            case .sent: true
            case .unknown: step.state == .unknown
            case .retry: false
            }
        return isSame ? nil : "step \"\(step.name)\" has ended already, otherwise"
    }

    private static func die(_ state: inout MemorySaga.State) throws -> Never {
        (state.crash, state.hasCrashed) = (nil, true)
        throw MemorySaga.WorkerDied()
    }

    func wait(_ waits: [SagaWait], spent: Spending?) throws -> WaitAnswer { try wait(waits, parks: true) }

    func look(at wait: SagaWait) throws -> WaitAnswer { try self.wait([wait], parks: false) }

    private func wait(_ waits: [SagaWait], parks: Bool) throws -> WaitAnswer {
        try change(lost: .lost) { state, now in
            if state.record == nil { state.record = SagaRecord(state: .running, since: now) }
            if state.record?.state == .undoing { return .undoing }
            if state.record?.state == .paused { return .paused }
            if let ended = state.record?.state, ended.isFinal { return .refused("the saga is \(ended)") }
            for wait in waits {
                if let refusal = Self.refusal(of: wait, state.record?[wait.name]) { return .refused(refusal) }
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
            guard parks else { return .open }
            (state.place, state.open) = (.waiting, waits)
            state.move(to: .waiting, "", at: now)
            return .parked
        }
    }

    /// Why nobody can wait for it.
    private static func refusal(of wait: SagaWait, _ known: StepRecord?) -> String? {
        switch (wait.kind, known?.state) {
        case (.callback, nil): "callback \"\(wait.name)\" has no token; begin it first"
        case (.children, nil): "fan-out \"\(wait.name)\" has no children; start them first"
        case (.children, .running): "not all children of \"\(wait.name)\" were given; give the rest first"
        default: nil
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
                        undo: children.hasUndo ? .armed : .none,
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
                if let pivot = record.pivot {
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
            guard let step = state.record?[name] else { throw Self.flaw("step \(name) has not begun") }
            guard state.record?.state == .undoing else { throw Self.flaw("the saga has not turned round") }
            guard step.undo == .armed || step.undo == .running else { return .over }
            if let other = state.undoing, other != name { throw Self.flaw("the undo of \(other) has not ended") }
            if let last = state.undoneTo, step.sequence > last, !step.isLate {
                throw Self.flaw("an older step was undone before \(name)")
            }
            (state.undoing, state.undoneTo) = (name, step.sequence)
            state.change(name) { ($0.undo, $0.undoAttempt) = (.running, $0.undoAttempt + 1) }
            return .go(attempt: step.undoAttempt + 1)
        }
    }

    private static func flaw(_ text: String) -> PondError {
        PondError(.invalidConfiguration, "an undo does not begin: \(text)")
    }

    func endUndo(_ name: String, _ end: UndoEnd) throws -> SagaMove {
        try change(lost: .lost) { state, _ in
            if state.crash == .duringUndo(name) { try Self.die(&state) }
            guard let step = state.record?[name] else { return .refused("step \"\(name)\" has no such undo") }
            let (undo, error): (StepRecord.Undo, String?) =
                switch end {
                case .done: (.done, nil)
                case .retry(let error): (.armed, error)
                case .stuck(let error): (.stuck, error)
                case .skipped: (.skipped, nil)
                }
            if step.undo == undo, undo != .armed { return .moved }
            guard step.undo == .armed || step.undo == .running else {
                return .refused("the undo of \"\(name)\" has ended already")
            }
            if state.undoing == name { state.undoing = nil }
            state.change(name) { ($0.undo, $0.error) = (undo, error ?? $0.error) }
            if undo == .done { state.undone.append(name) }
            return .moved
        }
    }

    func pause(_ reason: String, spent: Spending?) throws -> SagaMove {
        try change(lost: .lost) { state, now in
            guard let current = state.record?.state else { return .refused("the job is no saga") }
            if current.isFinal || current == .stuck { return .refused("the saga is \(current)") }
            if current != .paused { state.move(to: .paused, reason, at: now) }
            state.place = .parked
            return .moved
        }
    }

    func end(_ end: SagaRecord.State, _ reason: String) throws -> SagaMove {
        try change(lost: .lost) { state, now in
            guard let record = state.record else { return .refused("the saga is none, not running") }
            if record.state == end { return .moved }
            let from: SagaRecord.State =
                switch end {
                case .done, .failed: .running
                case .compensated, .cancelled, .stuck: .undoing
                default: end
                }
            let current = record.state == .waiting ? .running : record.state
            guard current == from else { return .refused("the saga is \(record.state), not \(from)") }
            if end == .compensated || end == .cancelled, let left = record.toUndo.first {
                return .refused("step \"\(left.name)\" is not undone")
            }
            state.move(to: end, reason.isEmpty ? record.reason : reason, at: now)
            state.place = .ended
            return .moved
        }
    }
}

extension StepRecord {
    /// A step that begins.
    fileprivate init(_ step: StepBegin, at now: ServerTime) {
        self.init(
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
    }

    /// Whether it is done, failed, skipped, or a person's to say.
    fileprivate var hasEnded: Bool { state == .done || state == .failed || state == .skipped || state == .unknown }
}

extension MemorySaga.State {
    /// Writes down how a step ended, or that it is tried again.
    fileprivate mutating func note(_ end: StepEnd, of name: String, isLate: Bool, at now: ServerTime) {
        running[name] = nil
        let hasDoubt = doubts.contains(name)
        change(name) { step in
            switch end {
            case .done(let result): (step.state, step.result, step.error, step.ended) = (.done, result, "", now)
            case .retry(let error): step.error = error
            case .failed(let error, let isCertain):
                (step.state, step.error, step.ended) = (.failed, error, now)
                // What is certain of this try is not of those before it.
                if isCertain, !hasDoubt, step.undo == .armed { step.undo = .skipped }
            case .unknown(let error): (step.state, step.error) = (.unknown, error)
            case .sent: break
            }
            if isLate { step.isLate = true }
        }
        switch end {
        case .retry, .unknown, .failed(_, isCertain: false): doubts.insert(name)
        default: break
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
