import FoundationEssentials
public import PondCore

/// A job that was enqueued, as a test looks at it.
public struct EnqueuedJob: Sendable {
    /// The queue that it went to.
    public let queue: QueueName
    /// What it is.
    public let kind: JobKind
    /// The payload's bytes.
    public let data: [UInt8]
    /// Its idempotency key.
    public let key: String?
    /// The id that it shares with whatever else belongs to the same intent.
    public let correlationID: String?
    /// Fields of the producer's own.
    public let headers: [String: String]
    /// How it was enqueued; nil for a job that was read from Redis, which keeps no delay and no priority with the job.
    public let options: EnqueueOptions?

    init(_ job: NewJob, to queue: QueueName) {
        self.queue = queue
        kind = job.kind
        data = job.data
        key = job.options.key?.text
        correlationID = job.options.correlationID
        headers = job.options.headers
        options = job.options
    }

    init(_ job: Job) {
        queue = job.queue
        kind = job.kind
        data = job.data
        key = job.key?.text
        correlationID = job.correlationID
        headers = job.headers
        options = nil
    }

    /// The payload, decoded.
    ///
    /// - Throws: `DecodingError`, when the bytes are no such value.
    public func payload<Payload: Decodable>(as type: Payload.Type = Payload.self) throws -> Payload {
        try JSONDecoder().decode(type, from: Data(data))
    }
}

extension EnqueuedJob: CustomStringConvertible {
    /// The kind, the queue and the beginning of the payload.
    public var description: String {
        let text = String(decoding: data.prefix(200), as: UTF8.self)
        return "\(kind) to \(queue): \(text)\(data.count > 200 ? "…" : "")"
    }
}
