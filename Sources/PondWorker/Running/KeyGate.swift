import Logging
import PondCore
import PondQueue

/// Lets a job pass when its key is its own, and a job that outlived a worker when its start is written down.
///
/// A key is claimed while its job waits for a slot, and that is as good as claiming it at the last moment: once it is
/// written down that a job has its key, nothing but the job's own end takes that away, and only its owner can end a job in
/// flight. What may change meanwhile is the owner, when this worker was silent for a whole lease and another took the job
/// over. So such a claim counts for a quarter of the lease from when the job was asked for: a worker that has slept that
/// long asks again and hears `lost`. Even so, as between any claim and its handler's first step, a worker may fall asleep in
/// between; its settle is refused then.
final class KeyGate: AdmissionGate {
    private let queue: Queue
    private let worker: WorkerParts
    private let ahead: ClaimsAhead

    init(_ queue: Queue, _ worker: WorkerParts, logger: Logger) {
        self.queue = queue
        self.worker = worker
        ahead = ClaimsAhead(queue, consumer: worker.consumer, logger: logger)
    }

    private var store: (any IdempotencyStore)? { worker.configuration.otherKeyStore }

    // What has no key and never outlived a worker needs no word with Redis.
    var marks: Admission.Marks { [.key, .recovered] }

    func expect(_ fetched: FetchedJob) { ahead.add(fetched) }

    /// Asks for many at once until the task is cancelled.
    func run() async { await ahead.run() }

    /// Asks for the job's key, and whether the job is still this worker's.
    nonisolated(nonsending) func ask(for fetched: FetchedJob) async -> Admission.Answer {
        let answer = await untilAnswered(fetched, "claim", giveUpAt: .draining) {
            try await claim(fetched)
        }
        guard let answer else { return .settle(.released) }
        CrashPoint.afterClaim.reach()
        return judge(answer, of: fetched.job)
    }

    private func judge(_ answer: KeyClaim, of job: Job) -> Admission.Answer {
        switch answer {
        case .claimed: return .run
        case .lost: return .forget
        case .duplicate(let record) where record.id == job.id && job.phase != nil:
            // A store knows that the work was done before its worker died for good: all the more is there to undo.
            return .run
        case .duplicate(let record) where record.id == job.id:
            // Its worker died after the end was written down and before it was settled.
            return .settle(.done)
        case .duplicate(let record):
            return .settle(.duplicate(of: record.id))
        case .mismatch(let record):
            let text =
                "key \"\(job.key?.text ?? "")\" belongs to job \(record.id), which is \(record.state) and has another kind "
                + "or payload"
            return .settle(.dead(cause: .keyMismatch, error: text))
        }
    }

    private func claim(_ fetched: FetchedJob) async throws -> KeyClaim {
        let isClaimed = await isClaimedAhead(fetched)
        let answer = isClaimed ? .claimed : try await queue.claim(fetched.receipt, as: worker.consumer)
        guard answer == .claimed, let store, let keyed = KeyedJob(fetched.job) else { return answer }
        let claim = try await store.claim(keyed)
        guard let record = claim.holder, record.id != keyed.id, record.state != .done else { return claim }
        // Redis has just said that no other job of the queue has the key: its holder ended where the store could not
        // hear of it, cancelled while it waited for one.
        let ended = KeyedJob(
            queue: keyed.queue,
            key: keyed.key,
            id: record.id,
            kind: keyed.kind,
            data: keyed.data,
            fence: record.fence
        )
        _ = try await store.end(ended, as: .released)
        return try await store.claim(keyed)
    }

    private func isClaimedAhead(_ fetched: FetchedJob) async -> Bool {
        guard let claim = fetched.claim, await claim.isClaimed else { return false }
        return fetched.asked.duration(to: worker.clock.now()) < worker.configuration.claimAge
    }
}

// In Redis a key ends with the settle of its job; a store beside it has to be told before.
extension KeyGate {
    /// Whether the job's key is in a store beside Redis, which has to be told of its end.
    func hasToHear(of job: Job) -> Bool { job.key != nil && store != nil }

    /// Tells a store of its own how a keyed job ended.
    ///
    /// - Returns: false when the key is another delivery's by now; nil when the worker had to stop before the store
    ///   answered.
    func hearEnd(of fetched: FetchedJob, _ outcome: Outcome, _ result: JobResult?) async -> Bool? {
        guard let store, let keyed = KeyedJob(fetched.job), let ending = KeyEnding(outcome, result) else { return true }
        CrashPoint.beforeKeyEnd.reach()
        // What is done must be written down, so this goes on while the worker drains.
        let isOurs = await untilAnswered(fetched, "end the key", giveUpAt: .hurrying) {
            try await store.end(keyed, as: ending)
        }
        CrashPoint.afterKeyEnd.reach()
        // A key that the store keeps as done, see `judge`, must not hold the end of a compensation up.
        return isOurs == false && fetched.job.phase != nil ? true : isOurs
    }

    /// Asks until there is an answer: without one a job must not run.
    ///
    /// - Returns: nil when the worker stops before.
    private func untilAnswered<Answer: Sendable>(
        _ fetched: FetchedJob,
        _ what: String,
        giveUpAt end: PhaseBox.Phase,
        _ ask: () async throws -> Answer
    ) async -> Answer? {
        var failures = 0
        while true {
            do {
                return try await ask()
            } catch {
                failures += 1
                if failures == 1 {
                    fetched.served.logger.warning(
                        "no answer about the key of a job; it waits",
                        metadata: ["job": "\(fetched.job.id)", "asked": "\(what)", "error": "\(error)"]
                    )
                }
                if worker.phase.phase >= end { return nil }
                let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)
                // A slot that is cancelled ends its wait at the next look above.
                try? await worker.clock.sleep(pause.delay(afterFailures: failures))
            }
        }
    }
}

extension KeyClaim {
    /// The job that has the key, when it is refused.
    fileprivate var holder: KeyRecord? {
        switch self {
        case .claimed, .lost: nil
        case .duplicate(let record), .mismatch(let record): record
        }
    }
}

extension KeyEnding {
    /// Nil for an outcome after which the job lives on, and for a duplicate, whose key is another's.
    fileprivate init?(_ outcome: Outcome, _ result: JobResult?) {
        switch outcome.traits.keyEnd {
        case .done: self = .done(result)
        case .dead: self = .dead
        case .released: self = .released
        case nil: return nil
        }
    }
}
