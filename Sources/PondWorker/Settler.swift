import Logging
import PondCore
import PondQueue
import PondTelemetry
import Synchronization

/// Writes down what became of jobs.
///
/// What ends while a call is under way gathers and leaves in the next one: a busy worker batches, an idle one does not
/// wait.
final class Settler: Sendable {
    private struct State {
        var pending: [Settlement] = []
        var underWay = 0
        /// Whether the last answer was long in coming: then each call has to count.
        var isFar = false
    }

    /// What a call has ended.
    struct Ended: Sendable {
        /// Jobs that are no longer in flight here.
        var receipts: [Receipt] = []
        /// When the first of those that were held is due.
        var nextDue: ServerTime?
    }

    private let queue: Queue
    private let consumer: Consumer
    private let clock: LocalClock
    private let logger: Logger
    private let outage: OutageLog
    private let metrics: WorkerMetrics?
    private let signal = WakeSignal()
    private let state = Mutex(State())
    /// Fewer than a call may have, so that Redis settles one part while the next is still being run.
    private static let part = 160
    private static let farAway = Duration.milliseconds(5)
    private static let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)

    init(_ queue: Queue, consumer: Consumer, clock: LocalClock, logger: Logger, metrics: WorkerMetrics? = nil) {
        self.metrics = metrics
        self.queue = queue
        self.consumer = consumer
        self.clock = clock
        self.logger = logger
        outage = OutageLog(logger)
    }

    /// Settlements that are not written down yet.
    var unsettled: Int { state.withLock { $0.pending.count + $0.underWay } }

    func add(_ settlement: Settlement) {
        state.withLock { $0.pending.append(settlement) }
        signal.ring()
    }

    /// Settles until the task is cancelled.
    ///
    /// - Parameter onEnd: told what is no longer in flight here.
    func run(onEnd: @Sendable (Ended) -> Void) async {
        while !Task.isCancelled {
            let batch = takeBatch()
            guard !batch.isEmpty else {
                await signal.wait()
                continue
            }
            let failed = await settle(batch, onEnd)
            state.withLock { state in
                state.underWay = 0
                state.pending += failed
            }
            // A job that cannot be moved (its target key is of another type) is tried again, but not in a hot loop.
            // Cancellation ends the loop at its head.
            if !failed.isEmpty { try? await clock.sleep(.seconds(1)) }
        }
    }

    private func takeBatch() -> [Settlement] {
        state.withLock { state in
            var batch: [Settlement] = []
            let most = state.isFar ? Limits.settleBatchMax : Settler.part
            if state.pending.count <= most {
                // Taken as a whole, so that nothing is copied.
                swap(&batch, &state.pending)
                state.pending.reserveCapacity(batch.count)
            } else {
                batch = Array(state.pending.prefix(most))
                state.pending.removeFirst(batch.count)
            }
            state.underWay = batch.count
            return batch
        }
    }

    /// - Returns: what has to be settled again.
    private func settle(
        _ batch: [Settlement],
        _ onEnd: @Sendable (Ended) -> Void
    ) async -> [Settlement] {
        var isRepeated = false
        while !Task.isCancelled {
            do {
                let start = clock.now()
                let answers = try await queue.settle(batch, as: consumer)
                let isFar = start.duration(to: clock.now()) > Self.farAway
                state.withLock { $0.isFar = isFar }
                CrashPoint.afterSettle.reach()
                outage.worked("settle")
                let (ended, failed) = sort(batch, answers, isRepeated: isRepeated)
                onEnd(ended)
                return failed
            } catch {
                // A repeated settle finds what the lost one did already, and answers `lost` for it.
                isRepeated = isRepeated || error.outcomeUnknown
                let failures = outage.failed("settle", error)
                // Cancellation ends the loop at its head.
                try? await clock.sleep(Settler.pause.delay(afterFailures: failures))
            }
        }
        return batch
    }

    private func sort(
        _ batch: [Settlement],
        _ answers: [SettleAnswer],
        isRepeated: Bool
    ) -> (ended: Ended, failed: [Settlement]) {
        var ended = Ended()
        ended.receipts.reserveCapacity(batch.count)
        var failed: [Settlement] = []
        for index in batch.indices {
            switch answers[index] {
            case .failed(let text):
                logger.error(
                    "job cannot be settled; trying again",
                    metadata: ["job": "\(batch[index].id)", "error": "\(text)"]
                )
                failed.append(batch[index])
                continue
            case .lost where !isRepeated:
                metrics?.lostLease()
                logger.warning(
                    "settle refused, another worker has the job; its result here changed nothing",
                    metadata: ["job": "\(batch[index].id)", "outcome": "\(batch[index].outcome.word)"]
                )
            case .dead(let cause):
                logger.error("job is dead", metadata: ["job": "\(batch[index].id)", "cause": "\(cause)"])
            case .held(let due):
                ended.nextDue = min(ended.nextDue ?? due, due)
            case .done, .released, .duplicate, .cancelled, .compensated, .expired, .lost:
                break
            }
            ended.receipts.append(batch[index].receipt)
        }
        return (ended, failed)
    }
}

extension Outcome {
    var word: String {
        switch self {
        case .done: "done"
        case .retry: "retry"
        case .dead: "dead"
        case .deferred: "deferred"
        case .released: "released"
        case .cancelled: "cancelled"
        case .duplicate: "duplicate"
        case .postponed: "postponed"
        case .expired: "expired"
        case .compensated: "compensated"
        }
    }
}
