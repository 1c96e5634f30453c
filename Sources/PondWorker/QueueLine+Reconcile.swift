import Logging
import PondCore
import PondQueue
import Synchronization

// A reply that is lost on its way leaves entries that Redis counts as ours and we never heard of; a pause of the whole
// process leaves jobs that we run and Redis gave to others. Neither heals by itself, because our beat goes on. So the
// two accounts are compared, now and then and after every lost reply, at a moment when no fetch is under way.
extension QueueLine {
    func reconcile() async throws(QueueError) {
        let known = state.withLock { state in
            state.needsReconcile = false
            state.lastReconcile = clock.now()
            return state.inFlight.all
        }
        let owned: (receipts: [Receipt], bells: [String])
        do {
            owned = try await queue.owned(by: consumer)
        } catch {
            state.withLock { $0.needsReconcile = true }
            throw error
        }
        let ownedSet = Set(owned.receipts)
        state.withLock { $0.bell = $0.bell ?? owned.bells.first }
        stopWhatIsGone(known.subtracting(ownedSet))
        let strange = ownedSet.subtracting(known)
        guard !strange.isEmpty else { return }
        logger.warning(
            "jobs were delivered in a reply that was lost; handing them back",
            metadata: ["jobs": "\(strange.count)"]
        )
        await handBack(Array(strange))
    }

    /// Jobs that another worker has: those that wait are dropped, those that run are cancelled.
    ///
    /// What is being settled at this moment is neither, and gets its answer from the settle.
    private func stopWhatIsGone(_ gone: Set<Receipt>) {
        guard !gone.isEmpty else { return }
        for assignment in intake.drop(where: { $0.line === self && gone.contains($0.receipt) }) {
            forget(assignment)
        }
        let cancelled = table.cancel(at: clock.now()) { run in
            run.assignment.line === self && gone.contains(run.assignment.receipt) ? .lost : nil
        }
        for run in cancelled {
            logger.warning(
                "another worker took the job over; its handler here is cancelled",
                metadata: ["job": "\(run.assignment.job.id)", "kind": "\(run.assignment.job.kind)"]
            )
        }
    }

    /// Puts entries back to the front that were not started.
    ///
    /// What fails is found again by the next comparison.
    func handBack(_ receipts: [Receipt]) async {
        for start in stride(from: 0, to: receipts.count, by: Limits.settleBatchMax) {
            let batch = receipts[start..<min(start + Limits.settleBatchMax, receipts.count)].map {
                Settlement(receipt: $0, id: $0.stream.ownID(entry: $0.entry), outcome: .released)
            }
            do throws(QueueError) {
                _ = try await queue.settle(batch, as: consumer)
            } catch {
                state.withLock { $0.needsReconcile = true }
                logger.warning("jobs cannot be handed back yet", metadata: ["error": "\(error)"])
                return
            }
        }
    }
}
