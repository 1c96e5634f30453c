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
        var pending = Batch()
        var underWay = 0
        /// Whether the last answer was long in coming: then each call has to count.
        var isFar = false
    }

    /// Settlements, and in the same order what each of them ends.
    private struct Batch {
        private(set) var settlements: [Settlement] = []
        private(set) var entries: [InFlight.Entry] = []

        var count: Int { settlements.count }

        mutating func reserveCapacity(_ count: Int) {
            settlements.reserveCapacity(count)
            entries.reserveCapacity(count)
        }

        mutating func add(_ settlement: Settlement, of entry: InFlight.Entry) {
            settlements.append(settlement)
            entries.append(entry)
        }

        mutating func add(_ batch: Batch) {
            settlements += batch.settlements
            entries += batch.entries
        }

        mutating func takeFirst(_ count: Int) -> Batch {
            var first = Batch()
            (first.settlements, first.entries) = (Array(settlements.prefix(count)), Array(entries.prefix(count)))
            settlements.removeFirst(first.count)
            entries.removeFirst(first.count)
            return first
        }
    }

    /// What a call has ended.
    struct Ended: Sendable {
        /// Jobs that are no longer in flight here.
        var entries: [InFlight.Entry] = []
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

    /// Writes down what became of a job as soon as that can be.
    func add(_ settlement: Settlement, of entry: InFlight.Entry) {
        state.withLock { $0.pending.add(settlement, of: entry) }
        signal.ring()
    }

    /// Settles until the task is cancelled.
    ///
    /// - Parameter onEnd: told what is no longer in flight here.
    func run(onEnd: @Sendable (Ended) -> Void) async {
        while !Task.isCancelled {
            let batch = takeBatch()
            guard batch.count > 0 else {
                await signal.wait()
                continue
            }
            let failed = await settle(batch, onEnd)
            state.withLock { state in
                state.underWay = 0
                state.pending.add(failed)
            }
            // A job that cannot be moved (its target key is of another type) is tried again, but not in a hot loop.
            // Cancellation ends the loop at its head.
            if failed.count > 0 { try? await clock.sleep(.seconds(1)) }
        }
    }

    private func takeBatch() -> Batch {
        state.withLock { state in
            var batch = Batch()
            let most = state.isFar ? Limits.settleBatchMax : Settler.part
            if state.pending.count <= most {
                // Taken as a whole, so that nothing is copied.
                swap(&batch, &state.pending)
                state.pending.reserveCapacity(batch.count)
            } else {
                batch = state.pending.takeFirst(most)
            }
            state.underWay = batch.count
            return batch
        }
    }

    /// - Returns: what has to be settled again.
    private func settle(
        _ batch: Batch,
        _ onEnd: @Sendable (Ended) -> Void
    ) async -> Batch {
        var isRepeated = false
        while !Task.isCancelled {
            do {
                let start = clock.now()
                let answers = try await queue.settle(batch.settlements, as: consumer)
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
        _ batch: Batch,
        _ answers: [SettleAnswer],
        isRepeated: Bool
    ) -> (ended: Ended, failed: Batch) {
        var ended = Ended()
        ended.entries.reserveCapacity(batch.count)
        var failed = Batch()
        for index in batch.settlements.indices {
            let settlement = batch.settlements[index]
            switch answers[index] {
            case .failed(let text):
                logger.error(
                    "job cannot be settled; trying again",
                    metadata: ["job": "\(settlement.id)", "error": "\(text)"]
                )
                failed.add(settlement, of: batch.entries[index])
                continue
            case .lost where !isRepeated:
                metrics?.lostLease()
                logger.warning(
                    "settle refused, another worker has the job; its result here changed nothing",
                    metadata: ["job": "\(settlement.id)", "outcome": "\(settlement.outcome.traits.word)"]
                )
            case .dead(let cause) where !settlement.isToldAsDead:
                logger.error("job is dead", metadata: ["job": "\(settlement.id)", "cause": "\(cause)"])
            case .held(let due):
                ended.nextDue = min(ended.nextDue ?? due, due)
            case .dead, .done, .released, .duplicate, .cancelled, .compensated, .expired, .lost:
                break
            }
            ended.entries.append(batch.entries[index])
        }
        return (ended, failed)
    }
}

extension Settlement {
    /// Whether the log was told already, with the error, when the try was judged; what Redis alone decides, and what never was
    /// a job, was not.
    fileprivate var isToldAsDead: Bool {
        if case .dead = outcome { journalFacts != nil } else { false }
    }
}
