/// A job as a worker received it.
///
/// A class, though it never changes: a job is handed on a dozen times, and copying a structure of twenty parts costs more
/// than all the rest of that.
public final class Job: Sendable {
    /// Unique in its queue, the same over all retries.
    public let id: JobID
    /// The queue that it came from.
    public let queue: QueueName
    /// What to do.
    public let kind: JobKind
    /// The payload: opaque bytes, JSON by convention, empty when the producer gave none.
    public let data: [UInt8]
    /// The idempotency key, when the producer gave one.
    public let key: IdempotencyKey?
    /// One id per user intent; the job's own id unless the producer gave one.
    public let correlationID: String
    /// The job that enqueued this one.
    public let causationID: String?
    /// W3C trace context of the producer.
    public let traceparent: String?
    /// W3C trace state of the producer.
    public let tracestate: String?
    /// The class that the producer gave; the queue's class applies when nil.
    public let jobClass: JobClass?
    /// Tries before the job is dead, when the producer said so.
    public let attemptsMax: Int?
    /// The limit of one attempt, when the producer said so.
    public let timeout: Duration?
    /// The job must not start after this moment.
    public let expires: ServerTime?
    /// The limits that it needs before it may run, when the producer said so.
    public let limit: String?
    /// The number of this try, from 1.
    ///
    /// Only tries that ended in an error count.
    public let attempt: Int
    /// How often the job's worker died while it had the job.
    public let recoveries: Int
    /// How often the job was moved since it was enqueued: a fencing token.
    ///
    /// 0 at first; it never falls, and each takeover, retry and handing back raises it; so an outside system that keeps the highest
    /// it has seen of a job can refuse what a stale worker sends.
    public let fence: Int64
    /// What the producer allows all tries together; the kind's budget applies where it says nothing.
    public let budget: Budget
    /// What the earlier tries took.
    public let spent: Spending
    /// What all jobs of its intent together may take, as the wire says it; nil where its intent has no budget.
    package let intentBudget: String?
    /// When the job was first enqueued.
    public let enqueuedAt: ServerTime
    /// How long it had been ready when its first try began; nil before the library had to move it.
    public let waited: Duration?
    /// What is done with the job instead of its own work; nil for its own work.
    package let phase: JobPhase?
    /// Whether steps of it are written down: it is a saga that goes on.
    package let isSaga: Bool
    /// Whether a saga started it and counts its end.
    package let isChild: Bool
    /// The text of the last try's error.
    public let lastError: String?
    /// Since when workers pass it on that have no handler for its kind; nil before the first has.
    public let unhandledSince: ServerTime?
    /// Every field that Millpond does not know, as the producer gave it.
    public let headers: [String: String]

    init(
        id: JobID,
        queue: QueueName,
        kind: JobKind,
        data: [UInt8],
        key: IdempotencyKey?,
        correlationID: String,
        causationID: String?,
        traceparent: String?,
        tracestate: String?,
        jobClass: JobClass?,
        attemptsMax: Int?,
        timeout: Duration?,
        expires: ServerTime?,
        limit: String?,
        attempt: Int,
        recoveries: Int,
        fence: Int64,
        budget: Budget,
        spent: Spending,
        intentBudget: String?,
        enqueuedAt: ServerTime,
        waited: Duration?,
        phase: JobPhase?,
        isSaga: Bool,
        isChild: Bool,
        lastError: String?,
        unhandledSince: ServerTime?,
        headers: [String: String]
    ) {
        self.id = id
        self.queue = queue
        self.kind = kind
        self.data = data
        self.key = key
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.jobClass = jobClass
        self.attemptsMax = attemptsMax
        self.timeout = timeout
        self.expires = expires
        self.limit = limit
        self.attempt = attempt
        self.recoveries = recoveries
        self.fence = fence
        self.budget = budget
        self.spent = spent
        self.intentBudget = intentBudget
        self.enqueuedAt = enqueuedAt
        self.waited = waited
        self.phase = phase
        self.isSaga = isSaga
        self.isChild = isChild
        self.lastError = lastError
        self.unhandledSince = unhandledSince
        self.headers = headers
    }
}

extension Job {
    /// The address of the job among all queues, `queue/id`.
    public var address: String { "\(queue)/\(id)" }
}
