extension Fleet {
    /// When the machine wants its next `tick`; nil when it only waits for others.
    package var nextDeadline: Instant? {
        var deadlines: [Instant] = []
        if case .waitingForReady(let until) = roll?.step?.stage { deadlines.append(until) }
        for slot in slots {
            if let wait = slot.wait { deadlines.append(wait.until) }
            for worker in slot.workers {
                let own = [worker.readyDeadline, worker.stopping?.killAt, worker.stopping?.secondSignal]
                deadlines += own.compactMap(\.self)
            }
        }
        return deadlines.min()
    }

    /// Every worker, and every wanted slot without one, by slot; a slot that is being rolled has two entries.
    package var statuses: [SlotStatus] {
        slots.filter { $0.isWanted || !$0.workers.isEmpty }.flatMap { slot in
            slot.workers.isEmpty ? [slot.emptyStatus(default: now)] : slot.workers.map(slot.status)
        }
    }

    /// Whether everything is over.
    package var isFinished: Bool { phase == .finished }
}

extension Fleet.Slot {
    fileprivate func status(of worker: Fleet.Worker) -> SlotStatus {
        let state: SlotStatus.State =
            if worker.stopping != nil { .draining } else if worker.isReady { .ready } else { .starting }
        return status(pid: worker.pid, workerPID: worker.behindScript ?? worker.pid, state, since: worker.since)
    }

    fileprivate func emptyStatus(default now: Fleet.Instant) -> SlotStatus {
        let state: SlotStatus.State =
            switch wait {
            case .backoff: .backoff
            case .parked: .parked
            case nil: .stopped
            }
        return status(pid: nil, workerPID: nil, state, since: since ?? now)
    }

    private func status(
        pid: Int32?,
        workerPID: Int32?,
        _ state: SlotStatus.State,
        since: Fleet.Instant
    ) -> SlotStatus {
        SlotStatus(
            slot: number,
            pid: pid,
            workerPID: workerPID,
            state: state,
            since: since,
            restarts: restarts,
            lateStarts: lateStarts,
            lastExit: lastExit
        )
    }
}
