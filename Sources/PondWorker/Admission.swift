import Logging
import PondCore
import PondQueue

/// Whether a fetched job may begin: nothing of its budget is used up, and its key is its own.
///
/// A key is claimed while its job waits for a slot, and that is as good as claiming it at the last moment: once it is
/// written down that a job has its key, nothing but the job's own end takes that away, and only its owner can end a job in
/// flight. What may change meanwhile is the owner, when this worker was silent for a whole lease and another took the job
/// over. So such a claim counts for a quarter of the lease from when the job was asked for: a worker that has slept that
/// long asks again and hears `lost`. Even so, as between any claim and its handler's first step, a worker may fall asleep in
/// between; its settle is refused then.
struct Admission: Sendable {
    let parts: WorkerParts
    let clock: LocalClock

    /// What to do with the job.
    enum Answer: Sendable {
        case run
        case settle(Outcome)
        /// Another worker has it.
        case forget
    }

    /// The answer for a job about which nobody has to be asked; nil when ``ask(_:)`` is needed.
    func answerAtOnce(_ assignment: Assignment, _ registration: Registered) -> Answer? {
        let job = assignment.job
        let budget = job.budget.filled(from: registration.budget)
        if let exhaustion = budget.obstacle(after: job.spent, reserving: registration.reserve) {
            return .settle(.dead(cause: exhaustion.cause, error: exhaustion.text))
        }
        // What has no key and never outlived a worker needs no word with Redis.
        return job.key == nil && job.recoveries == 0 ? .run : nil
    }

    /// Asks for the job's key, and whether the job is still this worker's.
    nonisolated(nonsending) func ask(_ assignment: Assignment) async -> Answer {
        let answer = await untilAnswered(assignment, "claim", giveUpAt: .draining) {
            try await claim(assignment)
        }
        guard let answer else { return .settle(.released) }
        CrashPoint.afterClaim.reach()
        return judge(answer, of: assignment)
    }

    /// Whether the job's key is in a store beside Redis, which has to be told of its end.
    func hasToEnd(_ assignment: Assignment) -> Bool {
        assignment.job.key != nil && parts.configuration.otherKeyStore != nil
    }

    /// Notes in a key store of its own how a keyed job ended; in Redis it ends with its settle.
    ///
    /// - Returns: false when the key is another delivery's by now; nil when the worker had to stop before the store
    ///   answered.
    func end(_ assignment: Assignment, _ outcome: Outcome, _ result: JobResult?) async -> Bool? {
        guard let store = parts.configuration.otherKeyStore, let keyed = KeyedJob(assignment.job),
            let ending = KeyEnding(outcome, result)
        else { return true }
        CrashPoint.beforeKeyEnd.reach()
        // What is done must be written down, so this goes on while the worker drains.
        let isOurs = await untilAnswered(assignment, "end the key", giveUpAt: .hurrying) {
            try await store.end(keyed, as: ending)
        }
        CrashPoint.afterKeyEnd.reach()
        // A key that the store keeps as done, see `judge`, must not hold the end of a compensation up.
        return isOurs == false && assignment.job.phase != nil ? true : isOurs
    }

    private func claim(_ assignment: Assignment) async throws -> KeyClaim {
        let isClaimed = await isClaimedAhead(assignment)
        let answer =
            isClaimed ? .claimed : try await assignment.line.queue.claim(assignment.receipt, as: parts.consumer)
        guard answer == .claimed, let store = parts.configuration.otherKeyStore, let keyed = KeyedJob(assignment.job)
        else { return answer }
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

    private func isClaimedAhead(_ assignment: Assignment) async -> Bool {
        guard let claim = assignment.claim, await claim.isClaimed else { return false }
        return assignment.asked.duration(to: clock.now()) < parts.configuration.claimAge
    }

    private func judge(_ answer: KeyClaim, of assignment: Assignment) -> Answer {
        let job = assignment.job
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

    /// Asks until there is an answer: without one a job must not run.
    ///
    /// - Returns: nil when the worker stops before.
    private func untilAnswered<Answer: Sendable>(
        _ assignment: Assignment,
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
                    assignment.line.logger.warning(
                        "no answer about the key of a job; it waits",
                        metadata: ["job": "\(assignment.job.id)", "asked": "\(what)", "error": "\(error)"]
                    )
                }
                if parts.phase.phase >= end { return nil }
                let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)
                // A slot that is cancelled ends its wait at the next look above.
                try? await clock.sleep(pause.delay(afterFailures: failures))
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
        switch outcome {
        case .done: self = .done(result)
        case .dead: self = .dead
        case .cancelled, .expired, .compensated: self = .released
        case .retry, .deferred, .released, .postponed, .duplicate: return nil
        }
    }
}
