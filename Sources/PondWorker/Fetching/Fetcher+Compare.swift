import Logging
import PondCore
import PondQueue

// A reply that is lost on its way leaves entries that Redis counts as ours and we never heard of; a pause of the whole
// process leaves jobs that we run and Redis gave to others. Neither heals by itself, because our heartbeat goes on. So the
// two accounts are compared, now and then and after every lost reply, at a moment when no fetch is under way.
extension Fetcher {
    func compareAccounts() async throws(QueueError) {
        plan { $0.beginCompare(at: served.worker.loopClock.now()) }
        let known = served.ledger.all
        let owned: (receipts: [Receipt], wakeUps: [String])
        do {
            owned = try await served.queue.owned(by: served.worker.consumer)
        } catch {
            plan { $0.failed(outcomeUnknown: true) }
            throw error
        }
        let ownedSet = Set(owned.receipts)
        plan { $0.compared(wakeUp: owned.wakeUps.first) }
        stopWhatIsGone(known.subtracting(ownedSet))
        let strange = ownedSet.subtracting(known)
        guard !strange.isEmpty else { return }
        try await handBack(Array(strange))
        served.logger.warning(
            "jobs were delivered in a reply that was lost; they are handed back",
            metadata: ["jobs": "\(strange.count)"]
        )
    }

    /// Jobs that another worker has: those that wait are dropped, those that run are cancelled.
    ///
    /// What is being settled at this moment is neither, and gets its answer from the settle.
    private func stopWhatIsGone(_ gone: Set<Receipt>) {
        guard !gone.isEmpty else { return }
        for fetched in served.worker.intake.drop(where: { $0.served === served && gone.contains($0.receipt) }) {
            served.forget([fetched.entry])
        }
        let cancelled = served.worker.table.cancel(at: served.worker.loopClock.now()) { run in
            run.fetched.served === served && gone.contains(run.fetched.receipt) ? .lost : nil
        }
        for run in cancelled {
            served.logger.warning(
                "another worker took the job over; its handler here is cancelled",
                metadata: ["job": "\(run.context.job.id)", "kind": "\(run.context.job.kind)"]
            )
        }
    }

    /// Puts entries back to the front that were not started.
    ///
    /// - Throws: when Redis does not take them: they are found again by the next comparison, which comes first then.
    func handBack(_ receipts: [Receipt]) async throws(QueueError) {
        for start in stride(from: 0, to: receipts.count, by: Limits.settleBatchMax) {
            let batch = receipts[start..<min(start + Limits.settleBatchMax, receipts.count)].map {
                Settlement(receipt: $0, id: $0.stream.ownID(entry: $0.entry), outcome: .released)
            }
            do throws(QueueError) {
                _ = try await served.queue.settle(batch, as: served.worker.consumer)
            } catch {
                plan { $0.failed(outcomeUnknown: true) }
                throw error
            }
        }
    }
}
