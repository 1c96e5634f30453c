public import PondCore
import Synchronization

/// Keys in Redis, beside the jobs that have them: the store that workers use unless they are given another.
///
/// A claim belongs to a job that its consumer has in flight, and ending the key ends the job too, in one function; so
/// the two cannot disagree. A worker of this library batches its ends with those of other jobs instead.
public final class RedisIdempotencyStore: IdempotencyStore {
    private let queue: Queue
    private let consumer: Consumer
    /// What the consumer has in flight, and has told the store of.
    private let receipts = Mutex<[Delivered: Receipt]>([:])

    private struct Delivered: Hashable {
        let id: JobID
        let fence: Int64
    }

    /// - Parameter consumer: whose jobs the store speaks for.
    public init(_ queue: Queue, for consumer: Consumer) {
        self.queue = queue
        self.consumer = consumer
    }

    /// Notes which entry a fetched job is, so that it can be claimed.
    public func note(_ receipt: Receipt, of job: Job) {
        receipts.withLock { $0[Delivered(id: job.id, fence: job.fence)] = receipt }
    }

    /// Asks whether a job that was noted may run.
    public func claim(_ job: KeyedJob) async throws -> KeyClaim {
        guard let receipt = receipt(of: job) else { return .lost }
        return try await queue.claim(receipt, as: consumer)
    }

    /// Settles the job, and its key with it.
    public func end(_ job: KeyedJob, as ending: KeyEnding) async throws -> Bool {
        guard let receipt = receipt(of: job) else { return try await isShown(ending, of: job) }
        var settlement = Settlement(receipt: receipt, id: job.id, outcome: ending.outcome, hasKey: true)
        if case .done(let result) = ending { settlement.result = result }
        let answer = try await queue.settle([settlement], as: consumer).first
        if case .failed(let text) = answer {
            throw QueueError(.redis, "key \(job.key) of job \(job.id) cannot be ended: \(text)")
        }
        receipts.withLock { $0[Delivered(id: job.id, fence: job.fence)] = nil }
        return answer == .lost ? try await isShown(ending, of: job) : true
    }

    /// An end that is repeated finds the job gone; what it left tells whether that was its own doing.
    private func isShown(_ ending: KeyEnding, of job: KeyedJob) async throws -> Bool {
        ending.isShown(by: try await record(of: job.key, in: job.queue), for: job)
    }

    /// What is known of a key of any queue on the same Redis.
    public func record(of key: IdempotencyKey, in queue: QueueName) async throws -> KeyRecord? {
        try await self.queue.pond.queue(queue.text).record(of: key)
    }

    private func receipt(of job: KeyedJob) -> Receipt? {
        receipts.withLock { $0[Delivered(id: job.id, fence: job.fence)] }
    }
}

extension KeyEnding {
    fileprivate var outcome: Outcome {
        switch self {
        case .done: .done
        case .dead: .dead(cause: .failed, error: "its key was ended as dead")
        case .released: .cancelled
        }
    }

    fileprivate func isShown(by record: KeyRecord?, for job: KeyedJob) -> Bool {
        switch self {
        case .done: record?.id == job.id && record?.state == .done && record?.fence == job.fence
        case .dead: record?.id == job.id && record?.state == .dead
        case .released: record?.id != job.id
        }
    }
}
