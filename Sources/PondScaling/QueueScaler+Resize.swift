import PondCore

extension QueueScaler {
    /// Goes from the demand to a size: guards, bounds, steps up, window and steps down.
    mutating func resize(_ decision: inout ScalingDecision, _ tick: QueueTick, _ bounds: SizeBounds) {
        let from = decision.from
        let allowed = guarded(tick, from, bounds)
        decision.isDownstreamLimited = growth.isDownstreamLimited
        decision.failedShare = Plain.rounded(failures.failedShare)
        // A paused queue keeps what it has: its backlog is no reason, and its workers have nothing to do.
        let size = tick.reading.isPaused ? min(bounds.limited(allowed), max(from, bounds.min)) : bounds.limited(allowed)
        let sizeWithBand = bounds.limited(tick.workersWithBand)
        record(size, sizeWithBand, from, tick)
        if size > from {
            decision.isPanic = isPanic(decision, tick)
            decision.to = grown(to: size, from, decision.isPanic)
        } else {
            decision.to = bounds.limited(shrunk(to: size, from, tick, decision))
        }
        decision.limit = limit(of: decision, allowed, sizeWithBand)
    }

    /// The demand as far as the two guards allow it.
    private mutating func guarded(_ tick: QueueTick, _ from: Int, _ bounds: SizeBounds) -> Int {
        guard !tick.reading.isPaused else { return tick.workers }
        let input = GrowthGuard.Input(
            now: clock.now,
            seconds: tick.seconds,
            demand: tick.workers,
            workers: tick.reading.workers,
            slots: tick.demand.slots,
            waiting: tick.reading.waiting,
            inFlight: tick.reading.inFlight,
            serviceTime: tick.serviceTime,
            spawnSeconds: tick.spawnSeconds,
            workersMin: bounds.min
        )
        var clearsWindow = false
        let verified =
            verifiesGrowth ? growth.allowed(input, ledger, clearsWindow: &clearsWindow) : tick.workers
        if clearsWindow { window.clear() }
        return failures.allowed(verified, from: from, at: clock.now, ledger)
    }

    private mutating func record(_ size: Int, _ sizeWithBand: Int, _ from: Int, _ tick: QueueTick) {
        // An idle queue has waited long enough: the window has nothing to add.
        if tick.isIdle { window.clear() }
        let wish = max(size, min(sizeWithBand, from))
        window.add(wish, at: clock.now, seconds: DownWindow.length(tick.serviceTime))
    }

    private func isPanic(_ decision: ScalingDecision, _ tick: QueueTick) -> Bool {
        let target = decision.waitTarget
        if tick.reading.oldestWait.inSeconds > ScalingConstants.panicAge * target { return true }
        let slots = Double(max(1, decision.from) * decision.slots)
        return Double(tick.reading.waiting) * tick.serviceTime / slots > ScalingConstants.panicWork * target
    }

    private func grown(to size: Int, _ from: Int, _ isPanic: Bool) -> Int {
        // A wish that was not granted stays for the length of the window: shares that follow every flicker of it would
        // move workers from queue to queue.
        let wish = wasLimited ? max(size, min(wanted ?? size, window.largest ?? size)) : size
        // From nothing at once to what is needed: one worker would only find out again what is known.
        if isPanic || from == 0 { return wish }
        return min(wish, max(2 * from, from + ScalingConstants.growthStep))
    }

    private mutating func shrunk(to size: Int, _ from: Int, _ tick: QueueTick, _ decision: ScalingDecision) -> Int {
        if tick.isIdle { return size }
        let aim = ScalingConstants.setPoint * decision.waitTarget
        let isHeld = growth.isDownstreamLimited
        guard tick.reading.oldestWait.inSeconds < aim || isHeld || tick.reading.isPaused else { return from }
        var goal = max(size, window.largest ?? size)
        if let cap = growth.cap { goal = min(goal, max(size, cap)) }
        let isEarly = lastDown.map { Double(clock.now - $0) < ScalingConstants.shrinkInterval * 1_000 } ?? false
        guard goal < from, !isEarly else { return from }
        lastDown = clock.now
        return max(goal, from - max(1, Int(Double(from) * ScalingConstants.shrinkPart)))
    }

    private func limit(of decision: ScalingDecision, _ allowed: Int, _ sizeWithBand: Int) -> LimitingFactor {
        if decision.demand > decision.to {
            if failures.isHolding { return .failing }
            if growth.isHolding, allowed <= decision.to { return .verifyHold }
            if decision.to >= decision.workersMax { return .max }
            return .none
        }
        let isLarger = decision.to > max(decision.workersMin, decision.demand)
        return isLarger && decision.to > sizeWithBand ? .downWindow : .none
    }
}
