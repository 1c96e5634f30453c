public import PondCore
import PondQueue

/// A handler and how its kind is tried: what a registry is made of.
public struct JobRegistration: Sendable {
    /// What the jobs are called; `*` for a handler of every kind that has none of its own.
    public let kind: String
    /// How often a job is tried, and how long it rests between tries.
    package private(set) var policy = RetryPolicy()
    /// The limit of one attempt.
    public private(set) var timeout = Limits.timeoutDefault
    /// What all tries of a job together may take; a job's own budget goes before it.
    public private(set) var budget = Budget()
    /// The least that a try needs: without so much left of the budget it is not begun.
    public private(set) var reserve = Spending()
    /// The part of the budget that a saga keeps for undoing what it did: what goes forward cannot spend it.
    public private(set) var undoReserve = USD.zero
    /// The limits that a job of the kind needs before it may run, where the job names none; nil for none.
    public private(set) var limit: String?
    /// The longest that a handler may go without a heartbeat; nil asks for none.
    public private(set) var heartbeatInterval: Duration?
    /// Which part of the jobs that are done the journal tells of, from 0 to 1; failures it always does.
    public private(set) var sampling = 1.0
    /// How long what the handler returns is kept, for whoever asks for the job's key.
    public private(set) var resultTime = Limits.keyWindowDefault
    /// What is called before a job is dead because its tries or its budget are used up.
    private(set) var escalate: (@Sendable (Exhausted, JobContext) async throws -> Void)?
    private(set) var run: Run
    /// Undoes what a dead job may have done; nil where nothing can.
    private var undo: Run?
    /// What the handler returns that is neither nothing nor can be encoded; nil where all is well.
    private let unencodable: String?

    /// What is done with a job.
    typealias Run = @Sendable (JobContext) async throws -> Void

    /// Registers a handler with the default policy: 8 tries, 60 seconds each.
    public init<Handler: JobHandler>(_ handler: Handler) {
        kind = Handler.kind
        guard Handler.Output.self != Void.self else {
            unencodable = nil
            run = { context in _ = try await handler.run(try PayloadCoding.decode(context.job), context) }
            return
        }
        unencodable = Handler.Output.self is any Encodable.Type ? nil : "\(Handler.Output.self)"
        run = { context in
            try context.keep(output: try await handler.run(try PayloadCoding.decode(context.job), context))
        }
    }

    /// Registers a closure that takes the job as it is; handlers made on the spot, in tests above all.
    public init(kind: String, run: @escaping @Sendable (JobContext) async throws -> Void) {
        self.kind = kind
        self.run = run
        unencodable = nil
    }

    /// Registers a closure for the jobs of every kind that no other registration names.
    public static func everyOtherKind(
        run: @escaping @Sendable (JobContext) async throws -> Void
    ) -> JobRegistration {
        JobRegistration(kind: everyKind, run: run)
    }

    static let everyKind = "*"
    var isForEveryOtherKind: Bool { kind == Self.everyKind }

    /// Tries a job at most `times` times.
    ///
    /// - Parameter backoff: the rest between tries. Defaults to `RetryPolicy`'s: 2 s at first, up to 10 min.
    public func retrying(times: Int, backoff: Backoff? = nil) -> JobRegistration {
        var copy = self
        copy.policy.attemptsMax = times
        if let backoff { copy.policy.backoff = backoff }
        return copy
    }

    /// Limits one attempt; then its task is cancelled and the attempt counts as failed.
    public func timeout(_ limit: Duration) -> JobRegistration {
        var copy = self
        copy.timeout = limit
        return copy
    }

    /// Limits what all tries of a job together may take; a job's own budget goes before it.
    ///
    /// - Parameters:
    ///   - reserve: the least that a try needs. Defaults to nothing: a try begins while something is left.
    ///   - undoReserve: the money of it that a saga keeps for its undos, less than `usd`. Defaults to nothing.
    public func budget(
        wall: Duration? = nil,
        cpu: Duration? = nil,
        usd: USD? = nil,
        reserving reserve: Spending = .init(),
        undoReserve: USD = .zero
    )
        -> JobRegistration
    {
        var copy = self
        copy.budget = Budget(wall: wall, cpu: cpu, usd: usd)
        copy.reserve = reserve
        copy.undoReserve = undoReserve
        return copy
    }

    /// Lets a job begin only when all these limits have room for it, which all workers share; a job that names limits itself
    /// (`EnqueueOptions.limit`) needs those instead.
    ///
    /// ```swift
    /// Complete().limited(by: "openai", "tenant:{tenant}", "openai-tokens@{/max_tokens}")
    /// ```
    ///
    /// A name stands for what `pond limit` defines, and limits nothing until then. `{tenant}` is a field of the job,
    /// `{/max_tokens}` a JSON Pointer into its payload, and behind `@` is what the job costs, 1 where nothing is said. What
    /// may not begin yet waits in Redis: it takes no slot, and no try is counted.
    /// - Parameter names: 1 to 4 names.
    public func limited(by names: String...) -> JobRegistration {
        var copy = self
        copy.limit = names.joined(separator: ",")
        return copy
    }

    /// Asks the handler to call `heartbeat()` at least so often.
    ///
    /// One that does not is cancelled, which counts as a failed try; if it goes on all the same, its process is ended.
    public func heartbeatEvery(_ interval: Duration) -> JobRegistration {
        var copy = self
        copy.heartbeatInterval = interval
        return copy
    }

    /// Calls `escalate` before a job is dead because its tries or its budget are used up, to tell somebody.
    ///
    /// It has 10 seconds, and may run again when the worker dies meanwhile. What it throws is logged; the job is dead
    /// in any case, under its cause.
    public func onExhausted(
        _ escalate: @escaping @Sendable (Exhausted, JobContext) async throws -> Void
    )
        -> JobRegistration
    {
        var copy = self
        copy.escalate = escalate
        return copy
    }

    /// Registers what undoes the work of a job that died before its end, as far as it had come.
    ///
    /// It runs when somebody sends dead jobs back with `pond dead compensate`, and is tried again as the kind's policy says.
    /// Like a handler it may run more than once, and it has to find out by itself how much there is to undo.
    ///
    /// ```swift
    /// Charge().retrying(times: 5).compensate { (order: Order, job) in try await bank.refund(order.id) }
    /// ```
    public func compensate<Payload: Decodable & Sendable>(
        _ undo: @escaping @Sendable (Payload, JobContext) async throws -> Void
    ) -> JobRegistration {
        compensate { context in try await undo(try PayloadCoding.decode(context.job), context) }
    }

    /// Registers what undoes the work of a job that died, as a closure that takes the job as it is.
    public func compensate(_ undo: @escaping @Sendable (JobContext) async throws -> Void) -> JobRegistration {
        var copy = self
        copy.undo = undo
        return copy
    }

    /// The same kind with its compensation in the place of its handler; nil when it has none.
    var compensation: JobRegistration? {
        guard let undo else { return nil }
        var copy = self
        copy.run = undo
        return copy
    }

    /// Tells the journal, and so the history, of a part of the jobs that are done, where each of them is not worth its place.
    ///
    /// What fails, is retried, cancelled or taken over is told of always, and every job is counted.
    /// - Parameter part: from 0, none, to 1, all. Defaults to all.
    public func journaling(_ part: Double) -> JobRegistration {
        var copy = self
        copy.sampling = part
        return copy
    }

    /// Keeps what the handler returns for so long; zero keeps its checksum alone.
    ///
    /// Defaults to 24 hours.
    public func keepingResult(for time: Duration) -> JobRegistration {
        var copy = self
        copy.resultTime = max(.zero, time)
        return copy
    }

    /// The longest that a job may live from its first try to its last: every try takes its whole time, and every rest
    /// is the longest there is.
    var retryHorizon: Duration {
        // Past the cap every rest is the same, so they need not be added one by one.
        let growing = min(policy.attemptsMax - 1, 64)
        var rests = Duration.zero
        for failures in stride(from: 1, through: growing, by: 1) {
            rests += policy.backoff.delay(afterFailures: failures, random: 1)
        }
        let capped = policy.backoff.delay(afterFailures: 64, random: 1)
        return timeout * policy.attemptsMax + rests + capped * max(0, policy.attemptsMax - 1 - growing)
    }

    func validate() throws(PondError) {
        if !isForEveryOtherKind { _ = try JobKind(kind) }
        if let unencodable {
            throw PondError(
                .invalidConfiguration,
                "\(kind): its handler returns \(unencodable), allowed is nothing (Void) or a result that is Encodable"
            )
        }
        guard policy.attemptsMax >= 1, policy.attemptsMax <= 1_000_000 else {
            throw PondError(
                .invalidConfiguration,
                "\(kind): retrying(times:) is \(policy.attemptsMax), allowed is 1 to 1000000"
            )
        }
        guard timeout >= .milliseconds(1), timeout <= Limits.delayMax else {
            throw PondError(.invalidConfiguration, "\(kind): timeout is \(timeout.human), allowed is 1 ms to ten years")
        }
        if let interval = heartbeatInterval, interval < .milliseconds(100) {
            throw PondError(
                .invalidConfiguration,
                "\(kind): heartbeatEvery is \(interval.human), allowed is 100 ms and more"
            )
        }
        guard (0...1).contains(sampling) else {
            throw PondError(.invalidConfiguration, "\(kind): journaling is \(sampling), allowed is 0 to 1")
        }
        let limits = [budget.wall.map { $0 > .zero }, budget.cpu.map { $0 > .zero }, budget.usd.map { $0 > .zero }]
        guard limits.allSatisfy({ $0 ?? true }) else {
            throw PondError(.invalidConfiguration, "\(kind): a budget's limits must be more than zero")
        }
        guard undoReserve >= .zero, budget.usd.map({ undoReserve < $0 }) ?? true else {
            throw PondError(
                .invalidConfiguration,
                "\(kind): undoReserve is \(undoReserve), allowed is less than the budget of \(budget.usd ?? .zero)"
            )
        }
    }
}

/// Why a job gets no further try.
public struct Exhausted: Sendable, Hashable {
    /// `attempts_exhausted`, or `budget_exhausted:` and `wall`, `cpu` or `usd`.
    public let cause: Cause
    /// The last error, or what was spent of what.
    public let text: String

    /// What `onExhausted` is told; for tests.
    public init(cause: Cause, text: String) {
        self.cause = cause
        self.text = text
    }
}

extension JobHandler {
    /// Tries a job at most `times` times.
    ///
    /// - Parameter backoff: the rest between tries. Defaults to `RetryPolicy`'s: 2 s at first, up to 10 min.
    public func retrying(times: Int, backoff: Backoff? = nil) -> JobRegistration {
        JobRegistration(self).retrying(times: times, backoff: backoff)
    }

    /// Limits one attempt; then its task is cancelled and the attempt counts as failed.
    ///
    /// Defaults to 60 seconds.
    public func timeout(_ limit: Duration) -> JobRegistration {
        JobRegistration(self).timeout(limit)
    }

    /// Limits what all tries of a job together may take; a job's own budget goes before it.
    ///
    /// - Parameters:
    ///   - reserve: the least that a try needs.
    ///   - undoReserve: the money of it that a saga keeps for its undos, less than `usd`. Defaults to nothing.
    public func budget(
        wall: Duration? = nil,
        cpu: Duration? = nil,
        usd: USD? = nil,
        reserving reserve: Spending = .init(),
        undoReserve: USD = .zero
    )
        -> JobRegistration
    {
        JobRegistration(self).budget(wall: wall, cpu: cpu, usd: usd, reserving: reserve, undoReserve: undoReserve)
    }

    /// Asks the handler to call `heartbeat()` at least so often, or be cancelled.
    public func heartbeatEvery(_ interval: Duration) -> JobRegistration {
        JobRegistration(self).heartbeatEvery(interval)
    }

    /// Registers what undoes the work of a job that died before its end, as far as it had come.
    ///
    /// It runs when somebody sends dead jobs back with `pond dead compensate`.
    public func compensate(
        _ undo: @escaping @Sendable (Payload, JobContext) async throws -> Void
    ) -> JobRegistration {
        JobRegistration(self).compensate(undo)
    }

    /// Tells the journal of a part of the jobs that are done, from 0 to 1; of all unless this says otherwise.
    public func journaling(_ part: Double) -> JobRegistration {
        JobRegistration(self).journaling(part)
    }

    /// Keeps what the handler returns for so long, instead of 24 hours; zero keeps its checksum alone.
    public func keepingResult(for time: Duration) -> JobRegistration {
        JobRegistration(self).keepingResult(for: time)
    }

    /// Calls `escalate` before a job is dead because its tries or its budget are used up.
    public func onExhausted(
        _ escalate: @escaping @Sendable (Exhausted, JobContext) async throws -> Void
    )
        -> JobRegistration
    {
        JobRegistration(self).onExhausted(escalate)
    }
}
