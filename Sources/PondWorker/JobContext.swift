public import Logging
public import PondCore
public import PondQueue
import PondTelemetry
import Synchronization

/// What a handler knows of the job that it runs, and what it can do for it.
public final class JobContext: DeliveredJob {
    /// The job, with its payload bytes.
    public let job: Job
    private let end: LocalInstant
    let queue: Queue
    /// What all tries together may take: the job's own budget, and the kind's where that says nothing.
    public let budget: Budget
    private let clock: LocalClock
    private let progress: Mutex<Progress>
    private let span: QueueSpan?

    /// What the handler last said of itself.
    struct Progress: Sendable {
        var fraction: Double?
        var note: String?
        var lastHeartbeat: LocalInstant
        var usd = USD.zero
        var cpu: Duration?
        var result: JobResult?
    }

    init(
        job: Job,
        queue: Queue,
        started: LocalInstant,
        deadline end: LocalInstant,
        budget: Budget = Budget(),
        clock: LocalClock,
        span: QueueSpan? = nil
    ) {
        self.span = span
        self.job = job
        self.queue = queue
        self.end = end
        self.budget = budget
        self.clock = clock
        progress = Mutex(Progress(lastHeartbeat: started))
    }

    /// The same over all retries, unique in its queue.
    public var id: JobID { job.id }
    /// What the job is.
    public var kind: JobKind { job.kind }
    /// The number of this try, from 1.
    public var attempt: Int { job.attempt }
    /// How often a worker died while it had the job.
    public var recoveries: Int { job.recoveries }
    /// The producer's idempotency key; hand it on to outside systems that take one, so that an effect there is guarded
    /// too.
    ///
    /// In a compensation it ends with `:compensate`, because undoing is another effect than doing.
    public var idempotencyKey: String? { isCompensation ? job.key.map { $0.text + ":compensate" } : job.key?.text }
    /// Whether the job is to be undone and not done.
    public var isCompensation: Bool { job.phase != nil }
    /// A number that never falls over the deliveries of a job: an outside system that keeps the highest it has seen can
    /// refuse what a stale worker sends.
    public var fence: Int64 {
        #if PLANTED_BUGS
        if PlantedBug.active == .noFence { return 0 }
        #endif
        return job.fence
    }
    /// One id per user intent; child jobs inherit it.
    public var correlationID: String { job.correlationID }
    /// The trace that this try belongs to, as W3C `traceparent`: hand it on to what the handler calls.
    ///
    /// The span of the try where the program has a tracer, what the producer gave otherwise.
    public var traceparent: String? { span?.fields.traceparent ?? job.traceparent }
    /// What belongs to ``traceparent``, as W3C `tracestate`.
    public var tracestate: String? { span?.fields.traceparent == nil ? job.tracestate : span?.fields.tracestate }
    /// Every field that Millpond does not know, as the producer gave it.
    public var headers: [String: String] { job.headers }
    /// What is left of the attempt's time; zero when it is up.
    public var timeRemaining: Duration { max(.zero, clock.now().duration(to: end)) }
    /// When the attempt's time is up, to the microsecond; then the handler's task is cancelled.
    public var deadline: ContinuousClock.Instant { end.onContinuousClock }

    /// A logger that carries the job's ids.
    public var logger: Logger {
        var logger = queue.pond.logger
        logger[metadataKey: "queue"] = "\(job.queue)"
        logger[metadataKey: "job"] = "\(job.id)"
        logger[metadataKey: "kind"] = "\(job.kind)"
        logger[metadataKey: "attempt"] = "\(job.attempt)"
        logger[metadataKey: "correlation_id"] = "\(job.correlationID)"
        if let phase = job.phase { logger[metadataKey: "phase"] = "\(phase)" }
        if let trace = span?.fields.ids {
            logger[metadataKey: "trace_id"] = "\(trace.trace)"
            logger[metadataKey: "span_id"] = "\(trace.span)"
        }
        return logger
    }

    /// Tells how far the job is; `pond worker list` shows it after the next beat.
    ///
    /// - Parameters:
    ///   - progress: from 0 to 1.
    ///   - note: a few words for people, cut at 1 KiB.
    /// - Throws: `CancellationError` when the job should stop, so that calling this often also stops promptly.
    public func heartbeat(progress fraction: Double? = nil, _ note: String? = nil) throws {
        let now = clock.now()
        progress.withLock {
            $0.lastHeartbeat = now
            if let fraction { $0.fraction = min(max(fraction, 0), 1) }
            if let note { $0.note = note.cut(toBytes: Limits.progressBytesMax) }
        }
        try Task.checkCancellation()
    }

    var lastProgress: Progress { progress.withLock { $0 } }
}

extension JobContext {
    /// Reports money that the job has spent, over all tries counted against its budget.
    ///
    /// - Throws: `BudgetExhausted` when that is more than the budget allows; let it through, and the job is dead under
    ///   `budget_exhausted:usd`.
    public func spend(usd amount: USD) throws(BudgetExhausted) {
        let total = progress.withLock { progress in
            progress.usd = progress.usd + max(.zero, amount)
            return progress.usd
        }
        if let limit = budget.usd, job.spent.usd + total > limit {
            throw BudgetExhausted(
                .usdExhausted,
                "all tries together took \(job.spent.usd + total) of the allowed \(limit)"
            )
        }
    }

    /// Reports CPU time that the job took in other processes, as their resource usage says.
    ///
    /// A try that reports none is charged its wall time.
    public func spend(cpu time: Duration) throws(BudgetExhausted) {
        let total = progress.withLock { progress in
            let total = (progress.cpu ?? .zero) + max(.zero, time)
            progress.cpu = total
            return total
        }
        if let limit = budget.cpu, job.spent.cpu + total > limit {
            throw BudgetExhausted(
                .cpuExhausted,
                "all tries together took \((job.spent.cpu + total).inSeconds) s of CPU time of the allowed \(limit.inSeconds) s"
            )
        }
    }

    /// Leaves a result behind, of which whoever enqueues the same key again is told the checksum.
    ///
    /// The last one counts, and only when the job has a key and is done.
    /// - Parameter time: how long the bytes themselves are kept. Defaults to not at all.
    /// - Throws: `PondError.invalidJob`, when it has more than 64 KiB.
    public func leave(result bytes: [UInt8], keptFor time: Duration? = nil) throws(PondError) {
        let result = try JobResult(bytes, keptFor: time).checked(for: id)
        progress.withLock { $0.result = result }
    }

    /// What all tries together took, this one up to now included.
    func spent(after run: Duration) -> Spending {
        let now = lastProgress
        return job.spent + Spending(wall: run, cpu: now.cpu ?? run, usd: now.usd)
    }
}

/// Thrown to a handler whose job has used up its budget.
public struct BudgetExhausted: Error, Sendable, CustomStringConvertible {
    /// Which part of the budget.
    public let cause: Cause
    /// What was spent of what.
    public let text: String

    init(_ cause: Cause, _ text: String) {
        self.cause = cause
        self.text = text
    }

    public var description: String { text }
}

extension JobContext {
    /// Enqueues a child job.
    ///
    /// It inherits the correlation id and the trace, and names this job as what caused it.
    ///
    /// A job that is tried again enqueues its children again: make them safe to run twice.
    ///
    /// - Parameter queueName: where to. Defaults to this job's queue.
    @discardableResult
    public func enqueue<Handler: JobHandler>(
        _ handler: Handler.Type,
        _ payload: Handler.Payload,
        _ options: EnqueueOptions = EnqueueOptions(),
        to queueName: String? = nil
    ) async throws -> EnqueueAnswer where Handler.Payload: Encodable {
        try await enqueue(NewJob(handler, payload, options), to: queueName)
    }

    /// Enqueues a child job of any kind.
    @discardableResult
    public func enqueue(_ job: NewJob, to queueName: String? = nil) async throws -> EnqueueAnswer {
        let target = try queueName.map { name throws(PondError) in try queue.pond.queue(name) } ?? queue
        return try await target.enqueue(asChild(job))
    }

    /// Enqueues many child jobs in one round trip.
    ///
    /// - Throws: the first refusal; children before and after it may have been enqueued.
    @discardableResult
    public func enqueue(_ jobs: [NewJob], to queueName: String? = nil) async throws -> [EnqueueAnswer] {
        let target = try queueName.map { name throws(PondError) in try queue.pond.queue(name) } ?? queue
        return try await target.enqueue(jobs.map(asChild)).map { try $0.get() }
    }

    private func asChild(_ job: NewJob) -> NewJob {
        var child = job
        child.options.correlationID = child.options.correlationID ?? self.job.correlationID
        child.options.causationID = child.options.causationID ?? self.job.id.text
        if child.options.traceparent == nil {
            child.options.traceparent = traceparent
            child.options.tracestate = child.options.tracestate ?? tracestate
        }
        return child
    }
}

extension String {
    /// The text cut at a character so that it has at most `bytesMax` bytes.
    func cut(toBytes bytesMax: Int) -> String {
        guard utf8.count > bytesMax else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: bytesMax)
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
