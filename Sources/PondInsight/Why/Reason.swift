/// Why a job is where it is: a closed list, so that people and programs can act on it.
///
/// docs/why.md tells of each what it means and what to do.
package enum Reason: String, Sendable, Hashable, Codable, CaseIterable {
    /// It is not due yet.
    case scheduled
    /// A try failed, and it rests before the next.
    case retryBackoff = "retry_backoff"
    /// Its intent, its tenant or all together have nothing left to spend, and it rests until they have.
    case budgetExhausted = "budget_exhausted"
    /// It waits for its turn behind others, and workers are at them.
    case behindOthers = "behind_n"
    /// Nothing is before it and somebody has room: it begins in a moment.
    case starting
    /// Somebody has paused the queue.
    case queuePaused = "queue_paused"
    /// Redis takes no writes, so no job can be begun.
    case noWrites = "no_writes"
    /// No worker serves the queue.
    case noWorker = "no_worker"
    /// Workers serve the queue, and none of them has a handler for its kind.
    case noWorkerForKind = "no_worker_for_kind"
    /// The workers that could run it have stopped fetching, because all that they ran failed the same way.
    case brake
    /// Too few workers serve the queue, and more are on their way.
    case scalingUp = "scaling_up"
    /// The work asks for more workers than a bound allows.
    case atLimit = "at_limit"
    /// More workers would not finish more, because what the jobs call is slow or failing.
    case downstreamHold = "downstream_hold"
    /// The rate of a limit that it needs is used up.
    case rateLimited = "rate_limited"
    /// As many jobs run as a limit that it needs allows at a time.
    case concurrencyLimited = "concurrency_limited"
    /// What it calls has said that it gets too much, and until when to leave it alone.
    case throttled
    /// What it calls fails so often that no more is retried for now.
    case brownout
    /// What it calls fails most of the time, so only a probe now and then is let through.
    case breakerOpen = "breaker_open"
    /// A handler has it.
    case running
    /// A worker has it, and has not said for a while that it lives.
    case runningSilent = "running_silent"
    /// Its worker is lost, and the job is about to be taken over.
    case leaseExpired = "lease_expired"
    /// Its saga sleeps, without a slot.
    case waitingTimer = "waiting_timer"
    /// Its saga waits for somebody to answer a token.
    case waitingToken = "waiting_token"
    /// Its saga waits for a signal.
    case waitingSignal = "waiting_signal"
    /// Its saga waits for the jobs that it started.
    case waitingChildren = "waiting_children"
    /// Its saga has turned round, and a worker undoes what was done.
    case undoing
    /// Its saga begins nothing more until somebody resumes it.
    case sagaPaused = "saga_paused"
    /// Nobody knows whether a step of its saga has happened.
    case stepUnknown = "step_unknown"
    /// An undo of its saga has failed for good.
    case sagaStuck = "saga_stuck"
    /// It ended badly and waits for a person.
    case dead
    /// It ended well.
    case done
    /// It was dead, and what it had done is undone.
    case compensated
    /// Somebody cancelled it.
    case cancelled
    /// It was not begun before its time was over.
    case expired
    /// Another job has its idempotency key, so it was not run.
    case duplicate
    /// Somebody forgot it on purpose when it was dead.
    case discarded
    /// It was dead, and the oldest of too many.
    case dropped
    /// It is known, and its entry is gone without an end.
    case lostPayload = "lost_payload"
    /// Nobody has heard of it.
    case unknown
}

/// Where a job is, in one word.
package enum WhyState: String, Sendable, Hashable, Codable, CaseIterable {
    case waiting, held, running, dead, ended, unknown
}

extension Reason {
    /// Where a job with this reason is.
    package var state: WhyState {
        switch self {
        case .scheduled, .retryBackoff, .budgetExhausted: .held
        case .behindOthers, .starting, .queuePaused, .noWrites, .noWorker, .noWorkerForKind, .brake, .scalingUp,
            .atLimit, .downstreamHold, .waitingTimer, .waitingToken, .waitingSignal, .waitingChildren, .sagaPaused,
            .stepUnknown, .rateLimited, .concurrencyLimited, .throttled, .brownout, .breakerOpen:
            .waiting
        case .running, .runningSilent, .leaseExpired, .undoing: .running
        case .dead, .sagaStuck: .dead
        case .done, .compensated, .cancelled, .expired, .duplicate, .discarded, .dropped: .ended
        case .lostPayload, .unknown: .unknown
        }
    }
}

extension Reason {
    /// How little a job with this reason needs somebody: 0 stands still until a person acts, 2 goes on by itself.
    var urgency: Int {
        switch self {
        case .dead, .sagaStuck, .stepUnknown, .sagaPaused, .noWorkerForKind, .noWorker, .noWrites, .queuePaused,
            .lostPayload,
            .unknown:
            0
        case .brake, .retryBackoff, .runningSilent, .leaseExpired, .undoing, .downstreamHold, .atLimit, .waitingToken,
            .waitingSignal:
            1
        default: 2
        }
    }
}
