public import PondCore
public import PondQueue

/// What a program does around each of its jobs: measure, trace, check a right, carry a header on.
///
/// ```swift
/// struct Tenants: JobMiddleware {
///     func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
///         guard let tenant = job.headers["tenant"] else { throw CancelJob("no tenant") }   // settles the job itself
///         try await Tenant.$current.withValue(tenant) { try await next() }                 // before, next, after
///     }
///
///     func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
///         var jobs = jobs
///         for index in jobs.indices { jobs[index].options.headers["tenant"] = Tenant.current }
///         return try await next(jobs)
///     }
/// }
/// ```
///
/// Every part has a default that does nothing. The first middleware of a list is the outermost. A program without
/// middleware pays nothing for it. See docs/middleware.md.
public protocol JobMiddleware: EnqueueMiddleware {
    /// Around a try of a job: what stands before `next` happens before its handler runs, what stands after it after it
    /// has returned, and a `catch` around it sees what it threw.
    ///
    /// May change the job's headers (``JobContext/setHeader(_:_:)``), and may settle the job itself. Without a call of `next`
    /// the handler does not run: to return then means that the job is done, `Snooze` lets it run later, `CancelJob` and
    /// `GiveUp` end it, and any other error is a failed try.
    func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws

    /// Around a step of a saga that runs, or its undo; a step that is done already has none.
    ///
    /// Has to call `next` or to throw.
    func perform(_ step: StepContext, of job: JobContext, next: @Sendable () async throws -> Void) async throws

    /// The end of a try, or of a job that was not run, before it is written down.
    ///
    /// Called on the slot that had the job, so it has to be quick.
    func ended(_ job: JobContext, _ end: JobEnd)
}

extension JobMiddleware {
    /// Runs the handler, and nothing else.
    public func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws { try await next() }

    /// Runs the step, and nothing else.
    public func perform(
        _ step: StepContext,
        of job: JobContext,
        next: @Sendable () async throws -> Void
    ) async throws {
        try await next()
    }

    /// Does nothing.
    public func ended(_ job: JobContext, _ end: JobEnd) {}
}

/// How a try ended, or a job that was not run.
public struct JobEnd: Sendable {
    /// What becomes of the job; nil when another worker has it meanwhile, and this one's end says nothing.
    public let outcome: Outcome?
    /// How long the handler ran; nil for a job that was not run.
    public let time: Duration?

    init(_ outcome: Outcome?, after time: Duration?) {
        self.outcome = outcome
        self.time = time
    }
}
