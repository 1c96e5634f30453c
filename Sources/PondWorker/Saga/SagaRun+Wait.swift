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
        try over(known, SagaWait(name, .sleep, within: time), .nothing)
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
        return try over(try remembered(name, .signal), SagaWait(name, .signal(signal), within: within), coding)
    }

    /// The answer of a wait that is over.
    ///
    /// - Throws: `Suspended` for one that is not, `GiveUp` when its time was up.
    private func over<Value>(_ known: StepRecord?, _ wait: SagaWait, _ coding: StepCoding<Value>) throws -> Value {
        if let known, known.state != .waiting, known.state != .running { return try value(of: known, coding) }
        throw isUndoing ? Suspended(.replayed(wait.name)) : self.wait(for: wait)
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
        return try over(record, SagaWait(name, .callback, within: request.begin.within), answer)
    }

    /// - Returns: nil when it failed and is to be tried again at once.
    private func send(_ request: StepRequest<Void>) async throws -> StepRecord? {
        var begin = request.begin
        begin.token = SagaToken.random()
        let asked = begin
        let answer = try await asking { [store] in try await store.begin(asked) }
        guard case .go(let attempt, let token) = answer else { return try known(answer) }
        state.withLock { $0.exists = true }
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
