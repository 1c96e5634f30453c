import PondCore
import PondSaga
import Synchronization

extension SagaRun {
    /// Waits for a time.
    func sleep(_ name: String, for time: Duration) async throws {
        let name = try await enter(name)
        let known = try remembered(name, .sleep)
        // So short a wait is not worth a word with Redis; a run that comes later waits again.
        if known == nil, time < Self.shortWait { return isUndoing ? () : try await rest(time) }
        try await over(known, SagaWait(name, .sleep, within: time), .nothing)
    }

    /// Waits for the next signal of a name.
    ///
    /// - Parameter step: what the wait is called. Defaults to the signal's name.
    func signal<Value>(
        _ signal: String,
        in step: String? = nil,
        within: Duration?,
        _ coding: StepCoding<Value>
    ) async throws -> Value {
        let name = try await enter(step ?? signal)
        return try await over(try remembered(name, .signal), SagaWait(name, .signal(signal), within: within), coding)
    }

    /// The answer of a wait that is over.
    ///
    /// - Throws: `Suspended` for one that is not, `GiveUp` when its time was up.
    private func over<Value>(
        _ known: StepRecord?,
        _ wait: SagaWait,
        _ coding: StepCoding<Value>
    ) async throws -> Value {
        if let known, known.state != .waiting, known.state != .running { return try value(of: known, coding) }
        if isUndoing { throw Suspended(.replayed(wait.name)) }
        if let found = try await look(at: wait) { return try value(of: found, coding) }
        throw self.wait(for: wait)
    }

    /// What is known of a wait that is over by now, where it is likely that it is; nil when it is not.
    ///
    /// A handler that has run again for one wait would do so for each that follows, as in a loop over signals that are there.
    func look(at wait: SagaWait) async throws -> StepRecord? {
        guard state.withLock({ $0.isAgain }) else { return nil }
        try Task.checkCancellation()
        switch try await asking({ [store] in try await store.look(at: wait) }) {
        case .open: return nil
        case .over(let record): return record
        // Of a library that knows no looking.
        case .parked: throw stop(.parked)
        case .undoing: throw stop(.turned)
        case .paused: throw stop(.paused(""))
        case .lost: throw stop(.lost)
        case .mismatch(let record): throw stop(.paused("plan_mismatch: \(record.name)"))
        case .refused(let text): throw GiveUp(text, cause: "saga_refused")
        }
    }

    /// Sends a token to the other side, once or until that is known to have happened, and waits for its answer.
    func callback<Value>(
        _ request: StepRequest<Void>,
        answer: StepCoding<Value>,
        undo: StepUndo<Value>
    ) async throws -> Value {
        var request = request
        request.begin.name = try await enter(request.begin.name)
        let name = request.begin.name
        let known = try remembered(name, .callback, request.begin.fingerprint)
        if isUndoing { return try replay(known, name, answer, undo) }
        if known == nil, request.begin.isWeighty { try await fit(request.begin.name, isAlone: request.isAlone) }
        var record = known
        while record == nil || record?.state == .running {
            try Task.checkCancellation()
            record = try await send(request)
        }
        guard let record else { preconditionFailure("a callback that was sent is remembered") }
        return try await over(record, SagaWait(name, .callback, within: request.begin.within), answer)
    }

    /// - Returns: nil when it failed and is to be tried again at once.
    private func send(_ request: StepRequest<Void>) async throws -> StepRecord? {
        var begin = request.begin
        try await beginOnce(begin)
        begin.token = SagaToken.random()
        let asked = begin
        let answer = try await asking { [store] in try await store.begin(asked) }
        guard case .go(let attempt, let token) = answer else { return try known(answer) }
        noteBegun(begin)
        let context = StepContext(begin.name, key: key(of: begin.name), attempt: attempt, token: token ?? "")
        do {
            try await request.run(context)
        } catch {
            try await settleFailure(of: request, attempt, error)
            return nil
        }
        CrashPoint.beforeSent.reach()
        try await commit(begin.name, .sent)
        CrashPoint.afterSent.reach()
        return StepRecord(
            name: begin.name,
            kind: .callback,
            state: .waiting,
            sequence: 0,
            began: ServerTime(milliseconds: 0)
        )
    }
}
