public import Logging
public import PondCore
import PondQueue
import PondTelemetry
import Synchronization

/// What a handler knows of the job that it runs, and what it can do for it.
public final class JobContext: DeliveredJob {
    /// The job, with its payload bytes.
    public let job: Job
    /// What all tries together may take: the job's own budget, and the kind's where that says nothing, without what is kept for
    /// undoing.
    public let budget: Budget
    let handler: Registered
    let started: LocalInstant
    let limit: RunLimit
    let home: JobHome
    /// How it came here; nil outside of a worker.
    let fetched: FetchedJob?
    let progress: Mutex<Progress>
    /// Whether there is a saga, for whoever only has to know that there is none.
    private let hasSaga: Atomic<Bool>

    /// What the handler last said of itself, and what middleware added.
    struct Progress: Sendable {
        var fraction: Double?
        var note: String?
        var lastHeartbeat: LocalInstant
        /// How long it was kept waiting, and since when it is; how many waits there are, and what it said of itself before.
        var held = Duration.zero
        var heldSince: LocalInstant?
        var holds = 0
        var noteBefore: String?
        /// Whether it was granted limits that it asked for.
        var hasLimits = false
        var usd = USD.zero
        var cpu: Duration?
        var result: JobResult?
        var span: QueueSpan?
        /// The headers, when a middleware has changed them.
        var headers: [String: String]?
        /// What is remembered of its steps; nil for a job that has said none.
        var saga: SagaRun?
        /// How many reservations its intent's budget was asked for, and what was settled of them.
        var reservations = 0
        var settled: [Usage] = []
    }

    /// A try that begins now.
    init(_ job: Job, _ handler: Registered, _ home: JobHome, fetched: FetchedJob? = nil) {
        self.job = job
        self.handler = handler
        self.home = home
        self.fetched = fetched
        // What was done has to be undone, whatever that takes.
        budget = job.phase != nil && job.phase == .undo ? Budget() : handler.budget(of: job)
        hasSaga = Atomic(job.isSaga)
        limit = RunLimit(job, handler, budget)
        started = home.clock.now()
        progress = Mutex(Progress(lastHeartbeat: started))
    }

    var clock: LocalClock { home.clock }
    private var end: LocalInstant { started.advanced(by: limit.time + lastProgress.held(at: clock.now())) }
    var queue: Queue { home.queue }
    /// The span of the try, nil without a tracer.
    var span: QueueSpan? { progress.withLock(\.span) }

    /// Makes the try a part of a span.
    func belong(to span: QueueSpan) { progress.withLock { $0.span = span } }

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
    public var isCompensation: Bool { job.phase == .compensate }
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
    /// Every field that Millpond does not know: as the producer gave it, unless a middleware has changed it.
    public var headers: [String: String] { progress.withLock(\.headers) ?? job.headers }

    /// Changes a header for what comes after: middleware further in, and the handler.
    ///
    /// Neither what is stored of the job nor its next try knows of it.
    /// - Parameter value: nil takes the header away.
    public func setHeader(_ name: String, _ value: String?) {
        progress.withLock { progress in
            var headers = progress.headers ?? job.headers
            headers[name] = value
            progress.headers = headers
        }
    }
    /// How long the try has run.
    var runningTime: Duration { started.duration(to: clock.now()) }
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
        home.onHeartbeat?(fraction, note)
        try Task.checkCancellation()
    }

    /// Whether steps of the job are written down.
    var isSaga: Bool { hasSaga.load(ordering: .relaxed) }

    /// The job as a saga, which it is from here on.
    ///
    /// - Throws: `PondError`, where nothing can be written down.
    func saga() throws(PondError) -> SagaRun {
        guard let sagas = home.sagas else {
            throw PondError(.invalidConfiguration, "job \(id): there is no place here to remember its steps in")
        }
        return progress.withLock { progress in
            if let saga = progress.saga { return saga }
            let saga = SagaRun(sagas, self, policy: handler.policy, clock: home.clock)
            progress.saga = saga
            hasSaga.store(true, ordering: .relaxed)
            return saga
        }
    }

    var lastProgress: Progress { progress.withLock { $0 } }
    var result: JobResult? { progress.withLock(\.result) }
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
