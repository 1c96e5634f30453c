// Growing and shrinking. Slots are never removed: one that is not wanted any more stays until its worker has ended, and is
// used again when the fleet grows. Who goes is decided by what it costs: nobody, then who has not begun, then who is
// idle, then who has least to do. Nobody is cut off: a worker that has jobs is asked to end after them.

import PondCore

extension Fleet {
    /// How many workers the fleet should have.
    package var target: Int { slots.count(where: \.isWanted) }

    /// How many slots there have ever been.
    package var slotCount: Int { slots.count }

    mutating func resize(to workers: Int, running: [Int32: Int], startsUntil: Instant?) {
        guard phase == .idle || phase == .running else { return }
        self.startsUntil = startsUntil
        // What was held since the last order comes after those that are not wanted any more have left the queue.
        defer { pumpSpawns() }
        let workers = min(max(0, workers), configuration.workersMax ?? configuration.workers)
        let missing = workers - target
        guard missing != 0 else { return }
        report(.resized(from: target, to: workers))
        if missing > 0 { grow(by: missing) } else { shrink(by: -missing, running) }
    }

    private mutating func grow(by count: Int) {
        for _ in 0..<count {
            let vacant = slots.indices.first { !slots[$0].isWanted && slots[$0].workers.isEmpty }
            let slot = vacant ?? slots.endIndex
            if vacant == nil {
                slots.append(Slot(number: slot, policy: RestartPolicy(configuration.restart)))
            } else {
                slots[slot].isWanted = true
            }
            if phase == .running { launch(slot, asCurrent: true) }
        }
    }

    private mutating func shrink(by count: Int, _ running: [Int32: Int]) {
        let order = slots.indices.filter { slots[$0].isWanted }.sorted { cost(of: $0, running) < cost(of: $1, running) }
        for slot in order.prefix(count) {
            if roll?.step?.slot == slot { stopRoll(slot: slot, reason: "the fleet needs fewer workers") }
            slots[slot].isWanted = false
            slots[slot].wait = nil
            slots[slot].since = now
            for worker in slots[slot].workers { retire(worker.id) }
        }
    }

    /// What it costs to do without a slot; the older of two that cost the same goes first.
    private func cost(of slot: Int, _ running: [Int32: Int]) -> (Int, Int, Int) {
        guard let id = slots[slot].current, let worker = slots[slot].workers.first(where: { $0.id == id }) else {
            return (0, 0, slot)
        }
        guard worker.isReady, let pid = worker.pid else { return (1, 0, -id.generation) }
        // Nobody says what it runs: it may be much.
        return (2, running[worker.behindScript ?? pid] ?? Int.max, id.generation)
    }

    /// Asks a worker to end when its jobs have ended.
    mutating func retire(_ id: WorkerID) {
        if spawnQueue.contains(id) {
            _ = remove(id)
            if slots[id.slot].current == id { slots[id.slot].current = nil }
            return
        }
        let now = now
        // A program that never says that it is ready may not know the word either.
        let patience = configuration.readyTimeout
        let hasProcess = update(id) { worker -> Bool in
            guard worker.stopping == nil else { return false }
            worker.stopping = Stopping(isRetiring: true, grace: .zero)
            worker.stopping?.secondSignal = worker.isReady ? nil : now + patience
            worker.readyDeadline = nil
            worker.since = now
            return worker.pid != nil
        }
        if hasProcess == true { actions.append(.retire(id)) }
    }

    /// The first word to a worker that was not wanted any more before it existed.
    mutating func sendFirstWord(_ id: WorkerID) {
        let isRetiring = update(id) { $0.stopping?.isRetiring ?? false } ?? false
        if isRetiring { actions.append(.retire(id)) } else { sendFirstSignal(id) }
    }

    mutating func recycle(_ pid: Int32) {
        guard phase == .running, roll == nil,
            let worker = slots.flatMap(\.workers).first(where: {
                [$0.pid, $0.behindScript].contains(pid) && $0.stopping == nil
            }),
            slots[worker.id.slot].current == worker.id
        else { return }
        retire(worker.id)
    }
}
