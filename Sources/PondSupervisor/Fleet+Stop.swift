// Stopping: SIGTERM, a grace period, SIGKILL of the process group; a second stop sends a second SIGTERM, on which
// a worker cancels its jobs and hands them back, and shortens the grace.

import PondCore

extension Fleet {
    mutating func stop() {
        switch phase {
        case .draining, .finished: return
        case .idle, .running: break
        }
        stopRoll(slot: nil, reason: "the fleet is stopping", mayRestart: false)
        phase = .draining
        for slot in slots.indices {
            slots[slot].wait = nil
            slots[slot].since = now
            for worker in slots[slot].workers { terminate(worker.id) }
        }
        finishIfDrained()
    }

    mutating func stopNow() {
        stop()
        guard phase == .draining, !isForced else { return }
        isForced = true
        for worker in slots.flatMap(\.workers) { force(worker.id) }
    }

    mutating func finishIfDrained() {
        guard phase == .draining, slots.allSatisfy(\.workers.isEmpty) else { return }
        phase = .finished
        report(.drained)
        actions.append(.finish)
    }

    /// Tells a worker to stop.
    ///
    /// One that is still in the queue is dropped; one that is being spawned is told as soon as it exists.
    mutating func terminate(_ id: WorkerID) {
        if spawnQueue.contains(id) {
            _ = remove(id)
            return
        }
        let grace = configuration.gracePeriod
        let hasProcess = update(id) { worker -> Bool in
            // One that only retires has no signal coming yet.
            guard worker.stopping?.isRetiring ?? true else { return false }
            worker.stopping = Stopping(grace: grace)
            worker.readyDeadline = nil
            return worker.pid != nil
        }
        if hasProcess == true { sendFirstSignal(id) }
    }

    mutating func sendFirstSignal(_ id: WorkerID) {
        let now = now
        let killAt = now + configuration.gracePeriod
        update(id) { worker in
            worker.since = now
            worker.stopping?.firstSignal = now
            worker.stopping?.killAt = killAt
        }
        actions.append(.terminate(id))
        if isForced { force(id) }
    }

    /// Plans the second signal and shortens the grace of a worker that has had the first.
    private mutating func force(_ id: WorkerID) {
        let now = now
        let isDue = update(id) { worker -> Bool in
            guard let first = worker.stopping?.firstSignal, let killAt = worker.stopping?.killAt else { return false }
            let second = max(now, first + SupervisorLimits.stopSignalGap)
            worker.stopping?.secondSignal = second
            if now + SupervisorLimits.forcedStopGrace < killAt {
                worker.stopping?.killAt = now + SupervisorLimits.forcedStopGrace
                worker.stopping?.grace = SupervisorLimits.forcedStopGrace
            }
            return second <= now
        }
        if isDue == true { sendSecondSignal(id) }
    }

    private mutating func sendSecondSignal(_ id: WorkerID) {
        update(id) { $0.stopping?.secondSignal = nil }
        actions.append(.terminate(id))
    }

    mutating func tickStopping(_ worker: Worker) {
        if worker.stopping?.isRetiring == true {
            if let until = worker.stopping?.secondSignal, until <= now { terminate(worker.id) }
            return
        }
        if let second = worker.stopping?.secondSignal, second <= now { sendSecondSignal(worker.id) }
        guard let stopping = worker.stopping, let killAt = stopping.killAt, killAt <= now else { return }
        update(worker.id) { worker in
            worker.stopping?.killAt = nil
            worker.stopping?.secondSignal = nil
        }
        report(.killed(slot: worker.id.slot, pid: worker.pid ?? 0, afterGrace: stopping.grace))
        actions.append(.kill(worker.id))
    }
}
