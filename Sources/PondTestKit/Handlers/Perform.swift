public import PondCore
import PondQueue
import PondRedis
import PondSaga
public import PondWorker
import Synchronization

/// Runs one try of a job in the test, without Redis and without a worker.
///
/// ```swift
/// let performed = try await perform(SendEmail(), Email(to: "a@b.c"))
/// #expect(performed.outcome == .done)
/// ```
///
/// The payload goes through JSON, and the job through the checks of the wire, as they would on their way through Redis. Time
/// limits, retries, budgets and middleware are those of a worker. What the handler enqueues is kept for the test and goes nowhere.
/// - Parameters:
///   - job: what the handler is told of its job. Defaults to a first try.
///   - middleware: what is done around the try and its enqueues, the outermost first. Defaults to nothing.
///   - clock: by which its time is measured; `HandClock().local` for one that the test moves. Defaults to the machine's.
/// - Throws: `PondError`, when the job or the handler could not be run at all. What the handler throws is in the answer.
public func perform<Handler: JobHandler>(
    _ handler: Handler,
    _ payload: Handler.Payload,
    job: TestJob = TestJob(),
    middleware: [any JobMiddleware] = [],
    clock: LocalClock = .system
) async throws -> Performed where Handler.Payload: Encodable {
    try await perform(JobRegistration(handler), payload, job: job, middleware: middleware, clock: clock)
}

/// The same of a handler with its policy, as in `SendEmail().retrying(times: 5)`.
public func perform(
    _ registration: JobRegistration,
    _ payload: some Encodable,
    job: TestJob = TestJob(),
    middleware: [any JobMiddleware] = [],
    clock: LocalClock = .system
) async throws -> Performed {
    let data = try PayloadCoding.encode(payload)
    // A handler that says a step has a place to remember it in, for this one try.
    let saga = MemorySaga(HandClock())
    let store = MemorySagaStore(saga: saga, delivery: 0)
    return try await performOnce(registration, data, job, middleware, clock, store: { _ in store })
}

/// One try, whose steps are remembered where it is said.
func performOnce(
    _ registration: JobRegistration,
    _ data: [UInt8],
    _ job: TestJob,
    _ middleware: [any JobMiddleware],
    _ clock: LocalClock,
    rest: (@Sendable (Duration) async throws -> Void)? = nil,
    store: @escaping @Sendable (JobContext) -> any SagaStore
) async throws -> Performed {
    let recorder = EnqueueRecorder()
    let logs = LogRecorder()
    let heartbeats = Mutex<[PerformedHeartbeat]>([])
    // Nothing connects before the first call, and the recorder lets none through.
    let pond = Pond(
        try RedisConfiguration(url: "redis://127.0.0.1:1"),
        clock: clock,
        logger: logs.logger,
        middleware: middleware + [recorder]
    )
    let kind = registration.kind == "*" ? "test" : registration.kind
    let limits = TestLimits(limited: job.limited, clock: clock)
    let trial = try await HandlerTrial.run(
        registration,
        try job.job(kind: kind, data: data),
        on: try pond.queue(job.queue),
        middleware: middleware,
        clock: clock,
        sagas: SagaPlace(rest: rest, store: store),
        limitDesk: limits
    ) { progress, note in
        heartbeats.withLock { $0.append(PerformedHeartbeat(progress: progress, note: note)) }
    }
    return Performed(
        outcome: trial.outcome,
        error: trial.error,
        enqueued: recorder.all,
        spent: trial.spent,
        heartbeats: heartbeats.withLock { $0 },
        limits: limits.all,
        logs: logs.all,
        result: trial.result?.bytes
    )
}

/// Stands where Redis would be: notes what is enqueued, and answers as for jobs that are new.
private final class EnqueueRecorder: EnqueueMiddleware {
    private let jobs = Mutex<[EnqueuedJob]>([])

    var all: [EnqueuedJob] { jobs.withLock { $0 } }

    func enqueue(_ new: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
        try new.map { job in
            // What Redis would refuse is refused here.
            _ = try job.fields()
            let number = jobs.withLock { jobs in
                jobs.append(EnqueuedJob(job, to: queue))
                return jobs.count
            }
            return .success(answer(JobID("child-\(number)"), job.options))
        }
    }

    private func answer(_ id: JobID, _ options: EnqueueOptions) -> EnqueueAnswer {
        if let due = options.runAt { return .held(id, due: due) }
        guard let delay = options.delay, delay > .zero else { return .enqueued(id) }
        return .held(id, due: WallClock.read().advanced(by: delay))
    }
}
