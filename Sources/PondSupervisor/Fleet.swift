// The fleet as a pure state machine: what happened goes in, what to do comes out, and nothing else does anything.
//
// One slot has one worker that holds it (`current`). In a rolling restart it has a second one for a while: first
// the replacement that is not ready yet, then the old one that drains. Time is an argument; the machine says when
// it next wants to be asked (`nextDeadline`). Spawns go out one at a time, so that a fleet of hundreds does not ask
// for thousands of descriptors at once and a stop can drop what has not been tried.

package import PondCore

/// One worker process, or one attempt to have one.
package struct WorkerID: Sendable, Hashable, CustomStringConvertible {
    /// The slot, from 0.
    package let slot: Int
    /// Counts the spawns of the fleet, so that no two workers share an id.
    package let generation: Int

    package init(slot: Int, generation: Int) {
        self.slot = slot
        self.generation = generation
    }

    package var description: String { "\(slot)#\(generation)" }
}

/// Decides what happens to a number of workers, which somebody may change.
package struct Fleet: Sendable {
    /// A moment of the local monotonic clock.
    package typealias Instant = LocalInstant

    /// What happened.
    package enum Input: Sendable, Equatable {
        case start
        case spawned(WorkerID, pid: Int32)
        /// It was too late to make the process.
        case tooLate(WorkerID)
        /// With the process of the worker, when it is another than the one that was spawned.
        case ready(WorkerID, worker: Int32? = nil)
        /// What was spawned has ended unasked, and the worker behind it goes on.
        case abandoned(WorkerID)
        case ended(WorkerID, WorkerExit)
        case tick
        case roll
        /// Have so many workers; for who goes first, how many jobs each process runs. Start none after `startsUntil` before
        /// the next such order; nil for no end.
        case resize(Int, running: [Int32: Int], startsUntil: Instant?)
        /// Replace the worker with this process id, when it has ended its jobs.
        case recycle(Int32)
        case stop
        case stopNow
    }

    /// What to do about it.
    package enum Action: Sendable, Equatable {
        /// Make the process, but not after `by`; nil for no end.
        case spawn(WorkerID, by: Instant?)
        /// SIGTERM to the worker alone: its own children are its own business while it drains.
        case terminate(WorkerID)
        /// A word to the worker: take no more jobs, end when those that run have ended.
        case retire(WorkerID)
        /// SIGKILL to the worker's process group.
        case kill(WorkerID)
        case report(FleetEvent)
        /// Nothing is left; the machine takes no further input.
        case finish
    }

    enum Phase { case idle, running, draining, finished }

    struct Worker {
        let id: WorkerID
        var pid: Int32?
        /// The process that takes jobs, when it is another than `pid`: behind a start script.
        var behindScript: Int32?
        /// Its start script ended unasked.
        var isAbandoned = false
        var isReady = false
        var since: Instant
        var readyDeadline: Instant?
        var stopping: Stopping?
    }

    struct Stopping {
        /// It was asked to end when its jobs have ended, and no signal is planned.
        var isRetiring = false
        var firstSignal: Instant?
        /// When the second signal is due; nil when none is planned, or it has been sent.
        var secondSignal: Instant?
        var grace: Duration
        var killAt: Instant?
    }

    enum Wait {
        case backoff(until: Instant)
        case parked(until: Instant)

        var until: Instant {
            switch self {
            case .backoff(let until), .parked(let until): until
            }
        }
    }

    struct Slot {
        let number: Int
        /// Whether the slot should have a worker; one that should not is used again when the fleet grows.
        var isWanted = true
        var workers: [Worker] = []
        var current: WorkerID?
        var wait: Wait?
        var policy: RestartPolicy
        var since: Instant?
        var restarts = 0
        var lateStarts = 0
        var lastExit: WorkerExit?
    }

    let configuration: FleetConfiguration
    var phase = Phase.idle
    var slots: [Slot]
    var roll: Roll?
    var isForced = false
    var spawnQueue: [WorkerID] = []
    var spawning: WorkerID?
    /// After this no process is made until somebody orders anew: what was ordered may be another host's by then.
    var startsUntil: Instant?
    var generation = 0
    /// The instant and the answers of the input that is being applied.
    var now: Instant
    var actions: [Action] = []

    /// A fleet that nothing was started of yet.
    package init(_ configuration: FleetConfiguration, at now: Instant) {
        self.configuration = configuration
        self.now = now
        slots = (0..<configuration.workers).map { Slot(number: $0, policy: RestartPolicy(configuration.restart)) }
    }

    /// Takes one input and says what to do, in order.
    package mutating func apply(_ input: Input, at now: Instant) -> [Action] {
        self.now = now
        actions.removeAll(keepingCapacity: true)
        switch input {
        case .start: start()
        case .spawned(let id, let pid): spawned(id, pid)
        case .tooLate(let id): tooLate(id)
        case .ready(let id, let worker): ready(id, worker)
        case .abandoned(let id): abandoned(id)
        case .ended(let id, let status): ended(id, status)
        case .tick: tick()
        case .roll: requestRoll()
        case .resize(let workers, let running, let until): resize(to: workers, running: running, startsUntil: until)
        case .recycle(let pid): recycle(pid)
        case .stop: stop()
        case .stopNow: stopNow()
        }
        return actions
    }

    private mutating func start() {
        guard phase == .idle else { return }
        phase = .running
        for slot in slots.indices where slots[slot].isWanted { launch(slot, asCurrent: true) }
    }

    private mutating func spawned(_ id: WorkerID, _ pid: Int32) {
        if spawning == id { spawning = nil }
        let deadline = now + configuration.readyTimeout
        let at = now
        let isWanted = update(id) { worker in
            worker.pid = pid
            worker.since = at
            worker.readyDeadline = worker.stopping == nil ? deadline : nil
            return worker.stopping == nil
        }
        guard let isWanted else { return }
        report(.spawned(slot: id.slot, pid: pid))
        if !isWanted {
            // A stop came while the process was being made: only now is there somebody to tell.
            sendFirstWord(id)
        } else if !mayStart {
            // This process was stopped between the order and the spawn. The worker has not begun anything yet.
            update(id) { $0.stopping = Stopping(isRetiring: true, grace: .zero) }
            actions.append(.kill(id))
        }
        pumpSpawns()
    }

    private mutating func tooLate(_ id: WorkerID) {
        if spawning == id { spawning = nil }
        guard update(id, { $0.stopping == nil }) ?? false else { return ended(id, .exited(0)) }
        spawnQueue.insert(id, at: 0)
        pumpSpawns()
    }

    private mutating func ready(_ id: WorkerID, _ worker: Int32?) {
        if let worker,
            let pid = update(
                id,
                {
                    $0.behindScript = worker; return $0.pid
                }
            )
        {
            report(.startedByScript(slot: id.slot, pid: pid ?? 0, worker: worker))
        }
        let at = now
        let pid = update(id) { worker -> Int32? in
            guard worker.stopping == nil, !worker.isReady else { return nil }
            worker.isReady = true
            worker.since = at
            worker.readyDeadline = nil
            return worker.pid
        }
        guard let pid = pid ?? nil else { return }
        report(.ready(slot: id.slot, pid: pid))
        rollSaw(readyOf: id)
    }

    /// The worker drains like one that was told to stop, but its end counts as one that nobody asked for.
    private mutating func abandoned(_ id: WorkerID) {
        guard update(id, { $0.stopping == nil }) ?? false else { return }
        update(id) { $0.isAbandoned = true }
        terminate(id)
    }

    private mutating func ended(_ id: WorkerID, _ status: WorkerExit) {
        if spawning == id { spawning = nil }
        guard let worker = remove(id) else { return }
        let wasExpected = worker.stopping != nil && !worker.isAbandoned
        let wasRecycled = worker.stopping?.isRetiring ?? false
        slots[id.slot].lastExit = status
        report(.exited(slot: id.slot, pid: worker.pid, status: status, wasExpected: wasExpected))
        if phase == .draining { return finishIfDrained() }

        let heldTheSlot = slots[id.slot].current == id
        if heldTheSlot { slots[id.slot].current = nil }
        rollSaw(endOf: id, status)
        if heldTheSlot, slots[id.slot].current == nil {
            if !slots[id.slot].isWanted {
                slots[id.slot].since = now
            } else if wasRecycled {
                launch(id.slot, asCurrent: true)
            } else {
                restart(id.slot, status)
            }
        } else if heldTheSlot {
            slots[id.slot].policy.record(exitAt: now)
        }
        pumpSpawns()
    }

    private mutating func restart(_ slot: Int, _ status: WorkerExit) {
        switch slots[slot].policy.exited(at: now) {
        case .restart(let delay):
            report(.willRestart(slot: slot, in: delay))
            if delay > .zero { return wait(slot, .backoff(until: now + delay)) }
            slots[slot].restarts += 1
            launch(slot, asCurrent: true)
        case .park(let exits):
            wait(slot, .parked(until: now + configuration.restart.parkedFor))
            let reason = FleetEvent.ParkingReason(
                exits: exits,
                window: configuration.restart.window,
                lastExit: status,
                retryIn: configuration.restart.parkedFor
            )
            report(.parked(slot: slot, reason: reason))
        }
    }

    private mutating func wait(_ slot: Int, _ wait: Wait) {
        slots[slot].wait = wait
        slots[slot].since = now
    }

    /// Ends the slot's wait, if it has one, and says so when it was parked.
    mutating func endWait(of slot: Int) {
        if case .parked = slots[slot].wait {
            slots[slot].policy.forget()
            report(.unparked(slot: slot))
        }
        slots[slot].wait = nil
    }

    private mutating func tick() {
        for slot in slots.indices {
            if let wait = slots[slot].wait, wait.until <= now {
                endWait(of: slot)
                slots[slot].restarts += 1
                launch(slot, asCurrent: true)
            }
            for worker in slots[slot].workers { tick(worker) }
        }
        tickRoll()
    }

    private mutating func tick(_ worker: Worker) {
        if let pid = worker.pid, let deadline = worker.readyDeadline, deadline <= now {
            update(worker.id) { $0.readyDeadline = nil }
            slots[worker.id.slot].lateStarts += 1
            report(.notReady(slot: worker.id.slot, pid: pid, after: configuration.readyTimeout))
        }
        if worker.stopping != nil { tickStopping(worker) }
    }
}

// MARK: - What the parts share

extension Fleet {
    /// Asks for a new worker of the slot and returns its id.
    @discardableResult
    mutating func launch(_ slot: Int, asCurrent: Bool) -> WorkerID {
        generation += 1
        let id = WorkerID(slot: slot, generation: generation)
        slots[slot].workers.append(Worker(id: id, since: now))
        if asCurrent { slots[slot].current = id }
        spawnQueue.append(id)
        pumpSpawns()
        return id
    }

    mutating func pumpSpawns() {
        guard phase == .running, spawning == nil, !spawnQueue.isEmpty, mayStart else { return }
        let id = spawnQueue.removeFirst()
        spawning = id
        actions.append(.spawn(id, by: startsUntil))
    }

    private var mayStart: Bool { startsUntil.map { now < $0 } ?? true }

    mutating func report(_ event: FleetEvent) {
        actions.append(.report(event))
    }

    /// Changes a worker; nil when it is gone.
    @discardableResult
    mutating func update<Result>(_ id: WorkerID, _ change: (inout Worker) -> Result) -> Result? {
        guard let index = slots[id.slot].workers.firstIndex(where: { $0.id == id }) else { return nil }
        return change(&slots[id.slot].workers[index])
    }

    mutating func remove(_ id: WorkerID) -> Worker? {
        spawnQueue.removeAll { $0 == id }
        guard let index = slots[id.slot].workers.firstIndex(where: { $0.id == id }) else { return nil }
        return slots[id.slot].workers.remove(at: index)
    }
}
