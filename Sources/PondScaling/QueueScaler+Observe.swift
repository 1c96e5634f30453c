import PondCore

/// What is known of a queue at one tick, with every average brought up to it.
struct QueueTick {
    var reading: QueueReading
    /// Since the last tick.
    var seconds: Double
    var arrivalRate: Double
    var serviceTime: Double
    var spawnSeconds: Double
    var demand: Demand
    /// Workers that the demand asks for, bounded by nothing.
    var workers: Int
    /// Workers below which shrinking is worth the move.
    var workersWithBand: Int
    /// Whether nothing has happened for so long that the last worker may go.
    var isIdle: Bool
}

extension QueueScaler {
    /// Takes a reading into every average, and says what the work asks for.
    mutating func observe(
        _ reading: QueueReading,
        _ step: LawClock.Step,
        _ policy: ScalingPolicy,
        _ workers: Int
    ) -> QueueTick {
        let guess = policy.serviceTimeGuess.inSeconds
        let seconds: Double
        let known: Double?
        switch step {
        case .first, .unknown: (seconds, known) = (ScalingConstants.tick, nil)
        case .after(let passed): (seconds, known) = (passed, passed)
        }
        learn(reading, known, guess, seconds)
        let rate = arrivals.rate(serviceTime: service.value(guess: guess))
        var tick = QueueTick(
            reading: reading,
            seconds: seconds,
            arrivalRate: rate,
            serviceTime: service.value(guess: guess),
            spawnSeconds: reading.spawnSeconds ?? ScalingConstants.spawnTime,
            demand: Demand(inFlight: reading.inFlight, slots: policy.slots),
            workers: 0,
            workersWithBand: 0,
            isIdle: isIdle(reading, policy, workers)
        )
        if !reading.isPaused { measure(&tick, policy, workers) }
        guard !tick.isIdle else { return tick }
        let least = reading.isPaused ? 0 : 1
        tick.workers = max(least, tick.demand.workers())
        tick.workersWithBand = max(least, tick.demand.workers(factor: 1 + tick.demand.deadBand))
        return tick
    }

    private mutating func learn(_ reading: QueueReading, _ known: Double?, _ guess: Double, _ seconds: Double) {
        let before = service.value(guess: guess)
        arrivals.add(reading.arrivals, after: known, at: clock.now, serviceTime: before)
        // The guards look back two minutes whatever the service time is.
        let keep = max(ServiceTime.window(before), ScalingConstants.measureWindow.upperBound + 10)
        ledger.add(reading, at: clock.now, hasPast: known != nil, keepSeconds: keep)
        if known == nil { growth.forgetMeasures(at: clock.now) }
        service.update(ledger, guess: guess, seconds: seconds)
        let ended = ledger.since(keep)?.ended ?? 0
        if !growth.hasBaseline(ended) { growth.learn(service.value(guess: guess)) }
    }

    private mutating func measure(_ tick: inout QueueTick, _ policy: ScalingPolicy, _ workers: Int) {
        let reading = tick.reading
        let isFrozen = workers >= policy.workersMax || wasLimited || growth.isDownstreamLimited || failures.isHolding
        trim.update(
            oldestWait: reading.oldestWait.inSeconds,
            waitTarget: policy.waitTarget.inSeconds,
            isFrozen: isFrozen,
            seconds: tick.seconds
        )
        var input = Demand.Input()
        input.arrivalRate = tick.arrivalRate
        input.serviceTime = tick.serviceTime
        input.waiting = reading.waiting
        input.inFlight = reading.inFlight
        input.dueSoon = reading.dueSoon
        input.workers = reading.workers
        input.slots = policy.slots
        input.spawnSeconds = tick.spawnSeconds
        input.waitTarget = policy.waitTarget.inSeconds
        input.trim = trim.factor
        input.tick = tick.seconds
        tick.demand = Demand(input)
    }

    private func isIdle(_ reading: QueueReading, _ policy: ScalingPolicy, _ workers: Int) -> Bool {
        let hasNothing = reading.waiting == 0 && reading.inFlight == 0 && reading.dueSoon == 0
        // Nothing was started from zero for a job that is not there.
        if workers == 0, reading.workers == 0, hasNothing { return true }
        let quiet = Double(clock.now - arrivals.lastArrival) / 1_000
        return hasNothing && reading.dueBeforeIdle == 0 && quiet > policy.idleToZero.inSeconds
    }
}

extension ScalingDecision {
    /// Takes what the user has said.
    mutating func note(_ policy: ScalingPolicy, _ bounds: SizeBounds, _ order: ScalingOrder?) {
        waitTarget = Plain.rounded(policy.waitTarget.inSeconds)
        workersMin = bounds.min
        workersMax = bounds.max
        slots = max(1, policy.slots)
        self.order = order
    }

    /// Takes what was measured.
    mutating func note(_ tick: QueueTick, _ memory: QueueScaler) {
        demand = tick.workers
        isQueuePaused = tick.reading.isPaused
        waiting = tick.reading.waiting
        inFlight = tick.reading.inFlight
        oldestWait = Plain.rounded(tick.reading.oldestWait.inSeconds)
        arrivalRate = Plain.rounded(tick.arrivalRate)
        serviceTime = Plain.rounded(tick.serviceTime)
        load = Plain.rounded(tick.demand.load)
        rateSlots = Plain.rounded(tick.demand.rateSlots)
        drainSlots = Plain.rounded(tick.demand.drainSlots)
        drainSeconds = Plain.rounded(tick.demand.drainSeconds)
        trim = Plain.rounded(memory.trim.factor)
        spawnSeconds = Plain.rounded(tick.spawnSeconds)
    }
}
