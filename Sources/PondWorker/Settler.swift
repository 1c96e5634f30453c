import Logging
import PondCore
import PondQueue
import Synchronization

/// Writes down what became of jobs.
///
/// What ends while a call is under way gathers and leaves in the next one: a busy worker batches, an idle one does not
/// wait.
final class Settler: Sendable {
    private struct State {
        var pending: [Settlement] = []
        var underWay = 0
    }

    private let queue: Queue
    private let consumer: Consumer
    private let clock: LocalClock
    private let logger: Logger
    private let outage: OutageLog
    private let signal = WakeSignal()
    private let state = Mutex(State())
    private static let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)

    init(_ queue: Queue, consumer: Consumer, clock: LocalClock, logger: Logger) {
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
    /// - Parameter onAnswer: told of each job that is no longer in flight here.
    func run(onAnswer: @Sendable (Settlement, SettleAnswer) -> Void) async {
        while !Task.isCancelled {
            let batch = takeBatch()
            guard !batch.isEmpty else {
                await signal.wait()
                continue
            }
            let failed = await settle(batch, onAnswer)
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
            let batch = Array(state.pending.prefix(Limits.settleBatchMax))
            state.pending.removeFirst(batch.count)
            state.underWay = batch.count
            return batch
        }
    }

    /// - Returns: what has to be settled again.
    private func settle(
        _ batch: [Settlement],
        _ onAnswer: @Sendable (Settlement, SettleAnswer) -> Void
    ) async -> [Settlement] {
        var isRepeated = false
        while !Task.isCancelled {
            do {
                let answers = try await queue.settle(batch, as: consumer)
                CrashPoint.afterSettle.reach()
                outage.worked("settle")
                return report(zip(batch, answers), isRepeated: isRepeated, onAnswer)
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

    private func report(
        _ answers: Zip2Sequence<[Settlement], [SettleAnswer]>,
        isRepeated: Bool,
        _ onAnswer: @Sendable (Settlement, SettleAnswer) -> Void
    ) -> [Settlement] {
        var failed: [Settlement] = []
        for (settlement, answer) in answers {
            switch answer {
            case .failed(let text):
                logger.error(
                    "job cannot be settled; trying again",
                    metadata: ["job": "\(settlement.id)", "error": "\(text)"]
                )
                failed.append(settlement)
                continue
            case .lost where !isRepeated:
                logger.warning(
                    "settle refused, another worker has the job; its result here changed nothing",
                    metadata: ["job": "\(settlement.id)", "outcome": "\(settlement.outcome.word)"]
                )
            case .dead(let cause):
                logger.error("job is dead", metadata: ["job": "\(settlement.id)", "cause": "\(cause)"])
            case .done, .released, .duplicate, .cancelled, .expired, .held, .lost:
                break
            }
            onAnswer(settlement, answer)
        }
        return failed
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
        }
    }
}
