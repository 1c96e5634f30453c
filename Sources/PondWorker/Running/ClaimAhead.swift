import Synchronization

/// What is known of a job's claim before the job has its turn.
final class ClaimAhead: Sendable {
    private enum State {
        case asked
        /// A slot has the job and waits.
        case awaited(CheckedContinuation<Bool, Never>)
        case answered(Bool)
    }

    private let state = Mutex(State.asked)

    /// Whether the key is the job's own, as soon as there is an answer; false also when that is not known, for whatever
    /// reason.
    var isClaimed: Bool {
        get async {
            if case .answered(let isClaimed) = state.withLock({ $0 }) { return isClaimed }
            return await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Bool? in
                    if case .answered(let isClaimed) = state { return isClaimed }
                    // One slot has the job, so nobody else waits.
                    state = .awaited(continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        }
    }

    /// Ends the wait.
    ///
    /// - Parameter isClaimed: whether the key is known to be the job's own; if not, the slot has to ask.
    func answer(_ isClaimed: Bool) {
        let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            defer { state = .answered(isClaimed) }
            if case .awaited(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume(returning: isClaimed)
    }
}
