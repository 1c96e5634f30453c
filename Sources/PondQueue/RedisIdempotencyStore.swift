package import PondCore
import Synchronization

/// Keys in Redis, beside the jobs that have them: the store that workers use unless they are given another.
///
/// A claim belongs to a delivery that its consumer has in flight, and ending the key ends the job too, in one function; so
/// the two cannot disagree. A worker of this library batches its ends with those of other jobs instead.
package final class RedisIdempotencyStore: IdempotencyStore {
    private let pond: Pond
    /// What is in flight, as far as the store was told.
    private let deliveries = Mutex<[Name: Noted]>([:])

    private struct Name: Hashable {
        let queue: QueueName
        let id: JobID
        let fence: Int64

        init(_ queue: QueueName, _ id: JobID, _ fence: Int64) {
            self.queue = queue
            self.id = id
            self.fence = fence
        }

        init(_ job: KeyedJob) {
            self.init(job.queue, job.id, job.fence)
        }
    }

    private struct Noted {
        let receipt: Receipt
        let consumer: Consumer
    }

    /// - Parameter pond: where the queues are.
    package init(_ pond: Pond) {
        self.pond = pond
    }

    /// Notes which entry a fetched job is and who has it, so that it can be claimed; forgotten when it is ended.
    package func note(_ receipt: Receipt, of job: Job, as consumer: Consumer) {
        let name = Name(job.queue, job.id, job.fence)
        deliveries.withLock { $0[name] = Noted(receipt: receipt, consumer: consumer) }
    }

    /// Asks whether a job that was noted may run.
    package func claim(_ job: KeyedJob) async throws -> KeyClaim {
        guard let noted = noted(job) else { return .lost }
        return try await queue(of: job).claim(noted.receipt, as: noted.consumer)
    }

    /// Settles the job, and its key with it.
    ///
    /// - Throws: `PondError.invalidJob`, when the result has more than 64 KiB; `QueueError`.
    package func end(_ job: KeyedJob, as ending: KeyEnding) async throws -> Bool {
        let record = try await queue(of: job).record(of: job.key)
        // An end that is repeated finds the job gone; what it left tells whether that was its own doing.
        guard let noted = noted(job), record?.id == job.id, record?.state != .done else {
            return ending.isShown(by: record, for: job)
        }
        let settlement = Settlement(
            receipt: noted.receipt,
            id: job.id,
            outcome: ending.outcome,
            hasKey: true,
            result: try ending.result?.checked(for: job.id)
        )
        switch try await queue(of: job).settle([settlement], as: noted.consumer).first {
        case .failed(let text):
            throw QueueError(.redis, "key \(job.key) of job \(job.id) cannot be ended: \(text)")
        case .lost:
            return ending.isShown(by: try await queue(of: job).record(of: job.key), for: job)
        default:
            deliveries.withLock { $0[Name(job)] = nil }
            return true
        }
    }

    /// What is known of a key.
    package func record(of key: IdempotencyKey, in queue: QueueName) async throws -> KeyRecord? {
        try await pond.queue(queue.text).record(of: key)
    }

    private func queue(of job: KeyedJob) throws -> Queue {
        try pond.queue(job.queue.text)
    }

    private func noted(_ job: KeyedJob) -> Noted? {
        deliveries.withLock { $0[Name(job)] }
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

    fileprivate var result: JobResult? {
        if case .done(let result) = self { result } else { nil }
    }

    fileprivate func isShown(by record: KeyRecord?, for job: KeyedJob) -> Bool {
        switch self {
        case .done: record?.id == job.id && record?.state == .done && record?.fence == job.fence
        case .dead: record?.id == job.id && record?.state == .dead
        case .released: record == nil
        }
    }
}
