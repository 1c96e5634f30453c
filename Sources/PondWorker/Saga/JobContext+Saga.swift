import PondCore
public import PondSaga

// A job becomes a saga in the moment when its handler first says one of these: what it has done is remembered by the step's
// name, and the handler, which runs from the top each time, finds it again. See docs/sagas.md.

extension JobContext {
    /// Does something once: a step that is done is not run again, and gives the result that it gave.
    ///
    /// ```swift
    /// let account = try await job.step("account") { try await crm.create(customer, key: $0.key) }
    ///     undo: { account, step in try await crm.delete(account.id, key: step.key) }
    /// ```
    ///
    /// What it throws is the job's failure, and it is run again with the job's next try. `GiveUp` says that it has not happened
    /// and never will: then each further run throws the same `GiveUp` in its place, so that a `catch` finds it again.
    /// - Parameters:
    ///   - name: what it is called, `[!-~]` without `#`; the second of a name is `name#2`.
    ///   - effect: what it does to the world, and so what is done when its worker dies in the middle. Defaults to `keyed`.
    ///   - pivot: whether the saga goes forward from here on, and pauses where it would turn round. Defaults to false.
    ///   - input: what it depends on; when that is another in a later run, the saga is paused (`plan_mismatch`).
    ///   - retries: further tries of its own, which do not count as the job's. Defaults to nil: the job is tried again.
    ///   - timeout: after which it is cancelled and has failed. Defaults to the job's own.
    ///   - undo: undoes it, with its result; of a step that may have happened, and whose result nobody knows, a person is asked.
    ///   - undoAlways: undoes it, also when nobody knows whether it has happened; then without a result.
    ///   - probe: asks the other side whether it has happened: before it is run again as `query`, and before it is undone.
    @discardableResult
    public func step<Value: Codable & Sendable>(
        _ name: String,
        effect: StepEffect = .keyed,
        pivot: Bool = false,
        input: (any Encodable & Sendable)? = nil,
        retries: Int? = nil,
        timeout: Duration? = nil,
        _ run: @escaping @Sendable (StepContext) async throws -> Value,
        undo: (@Sendable (Value, StepContext) async throws -> Void)? = nil,
        undoAlways: (@Sendable (Value?, StepContext) async throws -> Void)? = nil,
        probe: (@Sendable (StepContext) async throws -> Value?)? = nil
    ) async throws -> Value {
        let undo = StepUndo(undo: undo, undoAlways: undoAlways, probe: probe)
        return try await saga().step(
            StepRequest(
                begin: try begin(name, effect: effect, hasUndo: undo.isArmed, pivot: pivot, input: input),
                retries: retries,
                timeout: timeout,
                coding: .json,
                undo: undo,
                run: inMiddleware(run)
            )
        )
    }

    /// The same of a step without a result.
    ///
    /// - Parameters:
    ///   - undo: undoes it, also when nobody knows whether it has happened.
    ///   - probe: asks the other side whether it has happened.
    public func step(
        _ name: String,
        effect: StepEffect = .keyed,
        pivot: Bool = false,
        input: (any Encodable & Sendable)? = nil,
        retries: Int? = nil,
        timeout: Duration? = nil,
        _ run: @escaping @Sendable (StepContext) async throws -> Void,
        undo: (@Sendable (StepContext) async throws -> Void)? = nil,
        probe: (@Sendable (StepContext) async throws -> Bool)? = nil
    ) async throws {
        let undo = StepUndo(undo: undo, probe: probe)
        try await saga().step(
            StepRequest(
                begin: try begin(name, effect: effect, hasUndo: undo.isArmed, pivot: pivot, input: input),
                retries: retries,
                timeout: timeout,
                coding: .nothing,
                undo: undo,
                run: inMiddleware(run)
            )
        )
    }

    /// Waits for a time, in Redis and not in a slot: no worker is needed meanwhile.
    ///
    /// A second or less is waited here. The time is counted from when the handler first came here.
    public func sleep(_ name: String, for time: Duration) async throws {
        try await saga().sleep(name, for: time)
    }

    /// Waits for the next signal of a name that somebody sends to this job; one that came before is kept.
    ///
    /// - Parameter within: how long; then it throws `GiveUp` with the cause `timed_out`. Defaults to for ever.
    public func signal<Value: Decodable & Sendable>(
        _ name: String,
        as type: Value.Type = Value.self,
        within time: Duration? = nil
    ) async throws -> Value {
        try await saga().signal(name, within: time, .answer)
    }

    /// Asks somebody outside, and waits for the answer.
    ///
    /// ```swift
    /// let paid: Payment = try await job.callback("payment", within: .seconds(7_200)) { step in
    ///     try await psp.charge(account, key: step.key, notify: step.token)
    /// }
    /// ```
    ///
    /// Whoever has the token can answer, once. An answer may come before the question has been sent to its end. A worker that
    /// dies in the middle of sending sends the same token again.
    /// - Parameters:
    ///   - within: how long; then it throws `GiveUp` with the cause `timed_out`. Defaults to for ever.
    ///   - effect: what sending does to the world, as of a step. Defaults to `keyed`.
    ///   - send: hands the token over.
    ///   - undo: undoes what was asked for, with the answer when there is one.
    public func callback<Value: Decodable & Sendable>(
        _ name: String,
        as type: Value.Type = Value.self,
        within time: Duration? = nil,
        effect: StepEffect = .keyed,
        input: (any Encodable & Sendable)? = nil,
        retries: Int? = nil,
        _ send: @escaping @Sendable (StepContext) async throws -> Void,
        undo: (@Sendable (Value?, StepContext) async throws -> Void)? = nil
    ) async throws -> Value {
        var begin = try begin(name, effect: effect, hasUndo: undo != nil, pivot: false, input: input)
        begin.kind = .callback
        begin.within = time
        return try await saga().callback(
            StepRequest(begin: begin, retries: retries, coding: .nothing, undo: StepUndo(), run: inMiddleware(send)),
            answer: .answer,
            undo: StepUndo(undoAlways: undo)
        )
    }

    private func begin(
        _ name: String,
        effect: StepEffect,
        hasUndo: Bool,
        pivot: Bool,
        input: (any Encodable & Sendable)?
    ) throws -> StepBegin {
        StepBegin(
            name,
            effect: effect,
            hasUndo: hasUndo,
            isPivot: pivot,
            fingerprint: try input.map { StepFingerprint.of(try PayloadCoding.encode(input: $0)) } ?? "",
            undoReserve: handler.undoReserve
        )
    }
}
