/// A name for one effect, given by the producer: jobs with the same key run once.
public struct IdempotencyKey: Sendable, Hashable, CustomStringConvertible {
    /// The text itself, 1 to 256 bytes.
    public let text: String

    /// - Throws: `PondError.invalidJob`.
    public init(_ text: String) throws(PondError) {
        guard !text.isEmpty, text.utf8.count <= Limits.keyBytesMax else {
            throw PondError(
                .invalidJob,
                "key has \(text.utf8.count) bytes, allowed are 1 to \(Limits.keyBytesMax); a longer name can be hashed"
            )
        }
        self.text = text
    }

    public var description: String { text }
}

/// A job with a key, as a store of keys sees it.
public struct KeyedJob: Sendable, Hashable {
    /// Keys are unique in their queue.
    public let queue: QueueName
    /// The key.
    public let key: IdempotencyKey
    /// The job that has it.
    public let id: JobID
    /// Together with `data` what the key stands for; the same key with another is refused.
    public let kind: JobKind
    /// The payload.
    public let data: [UInt8]
    /// Which of the job's deliveries: a later one has a higher fence, and takes the key over from an earlier.
    public let fence: Int64

    /// A claim to test a store with.
    public init(queue: QueueName, key: IdempotencyKey, id: JobID, kind: JobKind, data: [UInt8], fence: Int64) {
        self.queue = queue
        self.key = key
        self.id = id
        self.kind = kind
        self.data = data
        self.fence = fence
    }

    /// The job with its key, nil when it has none.
    public init?(_ job: Job) {
        guard let key = job.key else { return nil }
        self.init(queue: job.queue, key: key, id: job.id, kind: job.kind, data: job.data, fence: job.fence)
    }
}

/// How far the job of a key is.
public enum KeyState: String, Sendable, Hashable, CaseIterable {
    /// Its job waits or is held.
    case queued
    /// A worker has its job.
    case running
    /// Its job is done; the key answers for its window.
    case done
    /// Its job is dead, until somebody retries or discards it.
    case dead
}

/// What a store knows of a key.
public struct KeyRecord: Sendable, Hashable {
    /// The job that has the key.
    public let id: JobID
    /// How far it is.
    public let state: KeyState
    /// The highest fence that was seen.
    public let fence: Int64
    /// The first 16 hex digits of the SHA-1 of kind, a zero byte, and payload.
    public let fingerprint: String
    /// The first 16 hex digits of the SHA-1 of the result, when the job is done.
    public let checksum: String?
    /// The result itself, when it was to be kept and its own window is not over.
    public let result: [UInt8]?
    /// When the job ended, nil when it has not.
    public let endedAt: ServerTime?

    /// A record, as a store of your own answers with.
    public init(
        id: JobID,
        state: KeyState,
        fence: Int64,
        fingerprint: String,
        checksum: String? = nil,
        result: [UInt8]? = nil,
        endedAt: ServerTime? = nil
    ) {
        self.id = id
        self.state = state
        self.fence = fence
        self.fingerprint = fingerprint
        self.checksum = checksum
        self.result = result
        self.endedAt = endedAt
    }
}

/// The answer to a job that wants to run under its key.
public enum KeyClaim: Sendable, Hashable {
    /// The key is this job's; run it.
    case claimed
    /// Another job has the key, or this one is done; do not run it.
    case duplicate(KeyRecord)
    /// The key stands for another kind or payload; do not run it.
    case mismatch(KeyRecord)
    /// A later delivery of this job has the key, or another worker has the job; do nothing at all.
    case lost
}

/// How a keyed job ended.
public enum KeyEnding: Sendable, Hashable {
    /// Its key answers for it during the window.
    case done(JobResult?)
    /// It is kept among the dead; its key answers for it.
    case dead
    /// It was cancelled or never ran; its key is free.
    case released
}

/// What a handler leaves behind.
public struct JobResult: Sendable, Hashable {
    /// At most 64 KiB.
    public let bytes: [UInt8]
    /// How long the bytes themselves are kept, beside their checksum; nil keeps the checksum alone.
    public let keptFor: Duration?

    /// A result, and how long it is kept: the default of its kind when nil.
    public init(_ bytes: [UInt8], keptFor: Duration? = nil) {
        self.bytes = bytes
        self.keptFor = keptFor
    }

    /// The result, when it is small enough to be left behind by a job.
    ///
    /// - Throws: `PondError.invalidJob`.
    package func checked(for job: JobID) throws(PondError) -> JobResult {
        guard bytes.count <= Limits.resultBytesMax else {
            throw PondError(
                .invalidJob,
                "the result of job \(job) has \(bytes.count) bytes, allowed are \(Limits.resultBytesMax); store it elsewhere "
                    + "and leave its address"
            )
        }
        return self
    }
}

/// Who holds which key: a place where jobs with the same key meet, so that only one of them runs.
///
/// Claim before a job runs, end after it; both are fenced, so that a worker which was declared lost changes nothing.
/// Both may be repeated with the same arguments, and then answer the same; but a claim of a job that is done by now is
/// answered as a duplicate of itself, and then it only has to be settled.
public protocol IdempotencyStore: Sendable {
    /// Takes the key for a delivery of a job that is about to run.
    func claim(_ job: KeyedJob) async throws -> KeyClaim
    /// Notes how the job ended.
    ///
    /// - Returns: false when the key or the job is another's by now (`lost`); then nothing was changed.
    func end(_ job: KeyedJob, as ending: KeyEnding) async throws -> Bool
    /// What is known of a key, nil when nothing is.
    func record(of key: IdempotencyKey, in queue: QueueName) async throws -> KeyRecord?
    /// How long the key of a done job answers for it; nil when the queue's own setting says so.
    var window: Duration? { get }
}

extension IdempotencyStore {
    /// The queue's own setting.
    public var window: Duration? { nil }
}

/// A job in the hands of its handler: what the inbox needs to know of it.
public protocol DeliveredJob: Sendable {
    /// The job as it was fetched.
    var job: Job { get }
}

/// Where an outbox ships its jobs to.
public protocol JobSink: Sendable {
    /// Enqueues jobs in order, each for itself.
    ///
    /// - Returns: what became of each.
    /// - Throws: when the sink cannot be reached; then any of them may or may not have been enqueued, and shipping the
    ///   same keys again is safe.
    func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer]
}

/// What became of a shipped job.
public enum ShipAnswer: Sendable, Hashable {
    /// It is in the queue, now or since an earlier time that its key was shipped.
    case accepted(JobID)
    /// It cannot go now (the queue is full); try again later.
    case later(String)
    /// It can never go as it is.
    case refused(String)
}
