import Synchronization

/// What is known of a job's claim before the job has its turn.
final class ClaimAhead: Sendable {
    private enum State {
        case asked
        /// A slot has the job and waits.
        case awaited(CheckedContinuation<ContinuousClock.Instant?, Never>)
        case answered(ContinuousClock.Instant?)
    }

    private let state = Mutex(State.asked)

    /// Since when the key is known to be the job's own, as soon as there is an answer; nil when that is not known, for
    /// whatever reason.
    var claimedAt: ContinuousClock.Instant? {
        get async {
            if case .answered(let instant) = state.withLock({ $0 }) { return instant }
            return await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> ContinuousClock.Instant?? in
                    if case .answered(let instant) = state { return .some(instant) }
                    // One slot has the job, so nobody else waits.
                    state = .awaited(continuation)
                    return .none
                }
                if let answer { continuation.resume(returning: answer) }
            }
        }
    }

    /// Ends the wait.
    ///
    /// - Parameter instant: since when the key is known to be the job's own, nil when the slot has to ask.
    func answer(_ instant: ContinuousClock.Instant?) {
        let waiter = state.withLock { state -> CheckedContinuation<ContinuousClock.Instant?, Never>? in
            defer { state = .answered(instant) }
            if case .awaited(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume(returning: instant)
    }
}
