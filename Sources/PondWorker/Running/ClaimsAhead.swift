import Logging
import PondCore
import PondQueue
import Synchronization

/// Claims keys for jobs that wait for a slot, many in one call, so that a slot need not wait for an answer of its own.
///
/// What comes while a call is under way gathers and leaves in the next one. Only a yes counts, and only for a while (see
/// `KeyGate`): where the answer is another, or there is none, the slot asks for its job alone. So nothing here has to be
/// tried again.
final class ClaimsAhead: Sendable {
    private struct State {
        var pending: [FetchedJob] = []
        var hasEnded = false
    }

    private let queue: Queue
    private let consumer: Consumer
    private let logger: Logger
    private let signal = WakeSignal()
    private let state = Mutex(State())
    /// Fewer than a call may have, so that the first jobs of many can begin soon.
    private static let batchMax = min(256, Limits.claimBatchMax)

    init(_ queue: Queue, consumer: Consumer, logger: Logger) {
        self.queue = queue
        self.consumer = consumer
        self.logger = logger
    }

    /// Asks for a job that is about to wait for a slot; does nothing for a job that needs no claim, or none ahead.
    func add(_ fetched: FetchedJob) {
        guard let claim = fetched.claim else { return }
        let isLate = state.withLock { state in
            if !state.hasEnded { state.pending.append(fetched) }
            return state.hasEnded
        }
        if isLate { claim.answer(false) } else { signal.ring() }
    }

    /// Asks until the task is cancelled; then no claim is left without an answer.
    func run() async {
        while !Task.isCancelled {
            let batch = takeBatch()
            if batch.isEmpty { await signal.wait() } else { await ask(batch) }
        }
        let rest = state.withLock { state in
            state.hasEnded = true
            defer { state.pending = [] }
            return state.pending
        }
        for fetched in rest { fetched.claim?.answer(false) }
    }

    private func takeBatch() -> [FetchedJob] {
        state.withLock { state in
            let batch = Array(state.pending.prefix(Self.batchMax))
            state.pending.removeFirst(batch.count)
            return batch
        }
    }

    private func ask(_ batch: [FetchedJob]) async {
        do throws(QueueError) {
            let refused = try await queue.claimAhead(batch.map { ($0.receipt, $0.job.key) }, as: consumer)
            for fetched in batch {
                fetched.claim?.answer(refused.isEmpty || refused[fetched.receipt] == nil)
            }
        } catch {
            // The slots ask again, one by one, and say so when they get no answer either.
            logger.debug("no answer about the keys of waiting jobs", metadata: ["error": "\(error)"])
            for fetched in batch { fetched.claim?.answer(false) }
        }
    }
}
