import Logging
import PondCore
import PondQueue
import Synchronization

/// Lets a job pass whose intent has something left of its budget, and opens the budget for the first of its jobs.
///
/// Only jobs come here that say of themselves that their intent has a budget; no other costs anything.
final class LedgerGate: AdmissionGate {
    private static let sweepInterval = Duration.seconds(5)

    private let ledger: Ledger
    private let worker: WorkerParts
    private let logger: Logger
    private let used = WakeSignal()

    init(_ ledger: Ledger, _ worker: WorkerParts, logger: Logger) {
        (self.ledger, self.worker, self.logger) = (ledger, worker, logger)
    }

    var marks: Admission.Marks { .budget }

    nonisolated(nonsending) func ask(for fetched: FetchedJob) async -> Admission.Answer {
        used.ring()
        let job = fetched.job
        var failures = 0
        while true {
            do throws(QueueError) {
                return try await ask(job)
            } catch {
                failures += 1
                if error.code == .invalid {
                    return .settle(.dead(cause: .malformed, error: "intent_budget: \(error.message)"))
                }
                if failures == 1 {
                    logger.warning(
                        "no answer about the budget of a job; it waits",
                        metadata: ["job": "\(job.id)", "error": "\(error)"]
                    )
                }
                if worker.phase.phase >= .draining { return .settle(.released) }
                let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)
                // A slot that is cancelled ends its wait at the next look above.
                try? await worker.clock.sleep(pause.delay(afterFailures: failures))
            }
        }
    }

    private func ask(_ job: Job) async throws(QueueError) -> Admission.Answer {
        let name = Ledger.name(ofIntent: job.correlationID)
        let answer = try await ledger.attempt(
            name,
            opening: job.intentBudget ?? IntentBudget.inheritedText,
            job: job.address,
            number: job.attempt,
            isUndo: job.phase != nil
        )
        guard let refusal = BudgetRefusal(answer, Usage()) else { return .run }
        // Its handler is told when it asks, and knows a cheaper way; there is none to be tried once more.
        if refusal.policy == .degrade, refusal.cause != .retriesExhausted { return .run }
        guard let asks = refusal.rests else {
            let last = job.lastError.map { "; the last error was: \($0)" } ?? ""
            let text = (refusal.text + last).cut(toBytes: Limits.errorTextBytesMax)
            return .settle(.dead(cause: refusal.cause, error: text))
        }
        let rest = try await ledger.rest(refusal, name, job: job.address, asks: asks)
        return .settle(.rests(for: rest, reason: refusal.text))
    }

    /// Settles reservations that are past their time, while there are any, until the task is cancelled.
    func run() async {
        let outage = OutageLog(logger)
        while !Task.isCancelled {
            await used.wait()
            var open = 1
            while open > 0, !Task.isCancelled {
                // A worker that stops ends its wait at the next look above.
                try? await worker.loopClock.sleep(Self.sweepInterval)
                do throws(QueueError) {
                    open = try await ledger.expire().open
                    outage.worked("settling old reservations")
                } catch {
                    if Task.isCancelled { return }
                    await worker.rest(afterFailures: outage.failed("settling old reservations", error))
                }
            }
        }
    }
}
