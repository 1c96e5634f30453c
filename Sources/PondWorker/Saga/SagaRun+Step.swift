import PondCore
import PondSaga
import Synchronization

/// A step as a handler asks for it.
struct StepRequest<Value: Sendable>: Sendable {
    var begin: StepBegin
    /// Further tries of its own; nil leaves them to the job.
    var retries: Int?
    var timeout: Duration?
    var coding: StepCoding<Value>
    var undo: StepUndo<Value>
    var run: @Sendable (StepContext) async throws -> Value
    /// Whether it can be tried again in this run; a program that died cannot be asked again.
    var runsAgainHere: @Sendable () -> Bool = { true }
    /// Whether no other step can begin while this one is asked for.
    var isAlone = false
}

extension SagaRun {
    /// Runs a step, unless it is done: then its result is the one that is remembered.
    func step<Value>(_ request: StepRequest<Value>) async throws -> Value {
        var request = request
        request.begin.name = try await enter(request.begin.name)
        let begin = request.begin
        let known = try remembered(begin.name, begin.kind, begin.fingerprint)
        if isUndoing { return try replay(known, request) }
        if let known, known.state == .done || known.state == .failed || known.state == .skipped {
            return try value(of: known, request.coding)
        }
        if known == nil, begin.isWeighty { try await fit(begin.name, isAlone: request.isAlone) }
        while true {
            try Task.checkCancellation()
            try await beginOnce(begin)
            let attempt: Int
            switch try await asking({ [store] in try await store.begin(begin) }) {
            case .go(let number, _): attempt = number
            case let other: return try value(of: try self.known(other), request.coding)
            }
            noteBegun(begin)
            CrashPoint.afterStepBegin.reach()
            if let value = try await attemptOnce(request, attempt) { return value }
        }
    }

    /// Notes that a step runs.
    func noteBegun(_ begin: StepBegin) {
        state.withLock { state in
            state.exists = true
            if begin.effect == .once { state.begun.insert(begin.name) }
        }
    }

    /// What the store knows of a step that must not run.
    func known(_ answer: StepAnswer) throws -> StepRecord {
        state.withLock { $0.exists = true }
        switch answer {
        case .known(let record): return record
        case .mismatch(let record): throw stop(.paused("plan_mismatch: \(record.name)"))
        case .undoing: throw stop(.turned)
        case .paused: throw stop(.paused(""))
        case .lost: throw stop(.lost)
        case .refused(let text): throw GiveUp(text, cause: "saga_refused")
        case .go: preconditionFailure("a step that may run is not known")
        }
    }

    /// - Returns: nil when it failed and is to be tried again at once.
    private func attemptOnce<Value>(_ request: StepRequest<Value>, _ attempt: Int) async throws -> Value? {
        let name = request.begin.name
        let context = StepContext(name, key: key(of: name), attempt: attempt)
        let value: Value
        let bytes: [UInt8]
        do {
            value = try await run(request, context)
            bytes = try encoded(value, request)
        } catch {
            try await settleFailure(of: request, attempt, error)
            return nil
        }
        CrashPoint.beforeStepCommit.reach()
        try await commit(name, .done(result: bytes))
        CrashPoint.afterStepCommit.reach()
        return value
    }

    /// The idempotency key of a step's effect.
    ///
    /// A replay shares the keys of the saga that it was made from, unless it was asked to do all again; what it has from that saga
    /// has the key that it ran with there.
    func key(of name: String) -> String {
        "\(state.withLock { $0.record?[name]?.keyBase ?? $0.record?.keyBase } ?? job.id.text):\(name)"
    }

    private func run<Value>(_ request: StepRequest<Value>, _ context: StepContext) async throws -> Value {
        // It was begun before, and only the other side knows what became of that.
        if context.attempt > 1, request.begin.effect == .query, let probe = request.undo.probe,
            let value = try await probe(context)
        {
            return value
        }
        guard let limit = request.timeout else { return try await request.run(context) }
        return try await limited(to: limit) { try await request.run(context) }
    }

    private func encoded<Value>(_ value: Value, _ request: StepRequest<Value>) throws -> [UInt8] {
        let bytes = try request.coding.encode(value)
        guard bytes.count <= Limits.stepResultBytesMax else {
            throw ResultRefused(
                text:
                    "the result of step \(request.begin.name) has \(bytes.count) bytes, allowed are \(Limits.stepResultBytesMax); "
                    + "store it yourself, and return a reference to it"
            )
        }
        return bytes
    }

    /// Writes down how a step ended.
    ///
    /// - Throws: `Suspended`, when the saga has turned round or is another worker's.
    func commit(_ name: String, _ end: StepEnd) async throws {
        defer { state.withLock { _ = $0.begun.remove(name) } }
        switch try await asking({ [store] in try await store.commit(name, end) }) {
        case .kept: return
        case .late: throw stop(.turned)
        case .lost: throw stop(.lost)
        case .refused(let text): throw GiveUp(text, cause: "saga_refused")
        }
    }

    /// Returns when the step is to be tried again at once, after a rest if need be.
    func settleFailure<Value>(of request: StepRequest<Value>, _ attempt: Int, _ error: any Error) async throws {
        let name = request.begin.name
        switch StepFailure(error, attempt: attempt, retries: request.retries) {
        case .certain(let giveUp):
            try await commit(
                name,
                .failed(error: StepFailureText.of(cause: giveUp.cause, reason: giveUp.reason), isCertain: true)
            )
            throw giveUp
        case .exhausted(let giveUp):
            try await commit(
                name,
                .failed(error: StepFailureText.of(cause: giveUp.cause, reason: giveUp.reason), isCertain: false)
            )
            throw giveUp
        case .again(let text) where request.begin.effect != .once:
            try await commit(name, .retry(error: text))
            let rest = policy.backoff.delay(afterFailures: attempt)
            if rest < Self.shortWait, request.runsAgainHere() { return try await self.rest(rest) }
            state.withLock { $0.rest = min(rest, $0.rest ?? rest) }
            throw Suspended(.rests(name))
        case .again(let text): throw try await unknown(name, text, error)
        case .theJobs(let text) where request.begin.effect == .once: throw try await unknown(name, text, error)
        case .theJobs(let text):
            try await commit(name, .retry(error: text))
            throw error
        }
    }

    /// A step that must not be run again has failed, and nobody knows whether it has happened all the same.
    ///
    /// - Returns: what stops the handler: the saga waits for a person.
    private func unknown(_ name: String, _ text: String, _ error: any Error) async throws -> any Error {
        // Cut off by its worker it is as if that had died, which the next `begin` finds.
        if Task.isCancelled || error is Suspended || error is CancellationError { return error }
        try await commit(name, .unknown(error: text))
        return stop(.paused("step_unknown: \(name)"))
    }

    /// Lets a step begin that must not run twice, once in this delivery.
    ///
    /// A handler that goes on though such a step was cut off may come by it again in the same delivery, and then the store cannot
    /// tell that from a call whose answer was lost.
    /// - Throws: `Suspended`, when it has begun here before and has not ended: then a person is asked.
    func beginOnce(_ begin: StepBegin) async throws {
        guard begin.effect == .once, state.withLock({ $0.begun.contains(begin.name) }) else { return }
        try await commit(begin.name, .unknown(error: "it was cut off, and its handler went on without it"))
        throw stop(.paused("step_unknown: \(begin.name)"))
    }

    /// Runs something, and cancels it when its time is up.
    private func limited<Value: Sendable>(
        to limit: Duration,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let clock = clock
        // Nil is the end of the time.
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { .some(try await body()) }
            group.addTask {
                try await clock.sleep(limit)
                return nil
            }
            defer { group.cancelAll() }
            if let ended = try await group.next(), let value = ended { return value }
            group.cancelAll()
            // It may have ended at this moment, and then what it did counts; what it throws of being cancelled says nothing.
            if let ended = try? await group.next(), let value = ended { return value }
            throw StepTimedOut(limit: limit)
        }
    }
}

/// What a step's error means.
enum StepFailure {
    /// No further try can help, and what it does has not happened.
    case certain(GiveUp)
    /// Its tries are used up; it may have happened all the same.
    case exhausted(GiveUp)
    /// It is tried again by tries of its own.
    case again(String)
    /// It is the job's to try again, or to end.
    case theJobs(String)

    init(_ error: any Error, attempt: Int, retries: Int?) {
        let text = Verdict.describe(error).cut(toBytes: Limits.lastErrorBytesMax)
        switch error {
        case let error as GiveUp: self = .certain(error)
        case let error as ResultRefused: self = .exhausted(GiveUp(error.text, cause: Cause.result.name))
        case let error as any PermanentFailure where error.permanentCause != nil:
            self = .certain(GiveUp(text, cause: error.permanentCause?.name ?? Cause.failed.name))
        case is Suspended, is CancellationError, is Snooze, is LimitReached, is RetryLater, is CancelJob,
            is BudgetExhausted:
            self = .theJobs(text)
        default:
            guard let retries, !Task.isCancelled else {
                self = .theJobs(text)
                return
            }
            self =
                attempt <= retries
                ? .again(text) : .exhausted(GiveUp(text, cause: Cause.attemptsExhausted.name))
        }
    }
}
