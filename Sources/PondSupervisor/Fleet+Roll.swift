// The rolling restart: one slot at a time, the new worker first, the old one only when the new one is ready, so that
// the fleet never has fewer ready workers than before. The first replacement that fails ends it: a bad release
// costs nothing but the replacement.

import PondCore

extension Fleet {
    /// A rolling restart under way.
    struct Roll {
        var remaining: [Int]
        var step: Step?
        /// Somebody asked again meanwhile: once more from the start, afterwards.
        var again = false
    }

    /// The slot that is being rolled.
    struct Step {
        let slot: Int
        let fresh: WorkerID
        var stage: Stage
    }

    enum Stage: Equatable {
        case waitingForReady(until: Instant)
        case draining(old: WorkerID)
    }

    mutating func requestRoll() {
        guard phase == .running else { return }
        if roll != nil { roll?.again = true } else { beginRoll() }
    }

    private mutating func beginRoll() {
        // Slots without a worker go first: they can only win, and they try the new release at no risk.
        let empty = slots.indices.filter { slots[$0].isWanted && slots[$0].current == nil }
        let held = slots.indices.filter { slots[$0].current != nil }
        roll = Roll(remaining: empty + held)
        report(.rollingRestart(.started))
        advanceRoll()
    }

    private mutating func advanceRoll() {
        guard let slot = roll?.remaining.first else { return finishRoll() }
        roll?.remaining.removeFirst()
        let isEmpty = slots[slot].current == nil
        if isEmpty {
            endWait(of: slot)
            slots[slot].policy.forget()
        }
        let patience = configuration.readyTimeout * SupervisorLimits.rollPatience
        let fresh = launch(slot, asCurrent: isEmpty)
        roll?.step = Step(slot: slot, fresh: fresh, stage: .waitingForReady(until: now + patience))
    }

    private mutating func finishRoll() {
        let again = roll?.again ?? false
        roll = nil
        report(.rollingRestart(.finished))
        if again { beginRoll() }
    }

    /// Ends the roll early; the replacement that was not ready yet is told to go, unless it holds the slot by now.
    mutating func stopRoll(slot: Int?, reason: String, mayRestart: Bool = true) {
        guard let ending = roll else { return }
        roll = nil
        report(.rollingRestart(.stopped(slot: slot, reason: reason)))
        if let step = ending.step, slots[step.slot].current != step.fresh { terminate(step.fresh) }
        if ending.again, mayRestart { beginRoll() }
    }

    mutating func rollSaw(readyOf id: WorkerID) {
        guard let step = roll?.step, step.fresh == id, case .waitingForReady = step.stage else { return }
        guard let old = slots[step.slot].current, old != id else { return advanceRoll() }
        slots[step.slot].current = id
        roll?.step?.stage = .draining(old: old)
        terminate(old)
        // One that was still waiting to be spawned is gone already, and nobody will report its end.
        if update(old, { _ in }) == nil { advanceRoll() }
    }

    /// A worker is gone: the step may be over, or the roll.
    mutating func rollSaw(endOf id: WorkerID, _ status: WorkerExit) {
        guard let step = roll?.step, step.slot == id.slot else { return }
        switch step.stage {
        case .draining(let old) where old == id:
            advanceRoll()
        case .draining where step.fresh == id:
            let reason = "the new worker of slot \(id.slot) was ready, then ended with \(status); \(Self.advice)"
            stopRoll(slot: id.slot, reason: reason)
        case .waitingForReady where step.fresh == id:
            let reason = "the new worker of slot \(id.slot) ended before it was ready, with \(status); \(Self.advice)"
            stopRoll(slot: id.slot, reason: reason)
        case .waitingForReady where slots[id.slot].current == nil:
            // The old worker ended by itself. Its replacement is on its way already and takes the slot.
            slots[id.slot].current = step.fresh
        case .draining, .waitingForReady:
            break
        }
    }

    mutating func tickRoll() {
        guard let step = roll?.step, case .waitingForReady(let until) = step.stage, until <= now else { return }
        let patience = configuration.readyTimeout * SupervisorLimits.rollPatience
        let reason = "the new worker of slot \(step.slot) was not ready within \(patience.human); \(Self.advice)"
        stopRoll(slot: step.slot, reason: reason)
    }

    private static let advice = "slots not reached yet keep their workers; fix the cause and send SIGHUP again"
}
