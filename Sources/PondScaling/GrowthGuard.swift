import Glibc

/// Verifies growth that is asked for by slower jobs, before it makes an overloaded downstream worse.
///
/// Jobs that became slower ask for more slots. If their cause is a database at its limit, more slots make each job slower
/// still, and nothing is won. So the first doubling is free, and each one after it must have raised the throughput; else
/// the size is held, and after a while a smaller step probes again. Growth by more arrivals is never held.
struct GrowthGuard: Sendable, Hashable, Codable {
    /// What a tick is judged by; times in seconds.
    struct Input {
        /// In milliseconds of the law's time.
        var now: Int
        /// Since the last tick.
        var seconds: Double
        /// Workers that the demand asks for.
        var demand: Int
        /// Live workers.
        var workers: Int
        var slots: Int
        var waiting: Int
        var inFlight: Int
        var serviceTime: Double
        var spawnSeconds: Double
        var workersMin: Int
    }

    private enum Stage: String, Codable {
        case verify = "v"
        case hold = "h"
    }

    /// Throughput and busy slots at one size.
    private struct Measure: Sendable, Hashable, Codable {
        var workers: Int
        /// Successes a second.
        var rate: Double
        var busy: Double

        enum CodingKeys: String, CodingKey {
            case workers = "w"
            case rate = "r"
            case busy = "b"
        }
    }

    /// The healthy service time; nil before the first reading.
    private var baseline: Double?
    /// Whether that is more than a guess.
    private var isLearned = false
    /// For how long the slots have been busy.
    private var saturated = 0.0
    /// Workers that are allowed; nil when growth is free.
    private(set) var cap: Int?
    private var stage = Stage.verify
    /// The measurement that growth is compared with.
    private var before: Measure?
    /// When the stage is looked at again, in milliseconds of the law's time.
    private var due = 0
    /// The next hold.
    private var holdSeconds = ScalingConstants.hold.lowerBound
    /// Throughput when the hold began.
    private var heldRate = 0.0
    /// Whether the last answer was below the demand.
    private(set) var isHolding = false

    private enum CodingKeys: String, CodingKey {
        case baseline = "b"
        case isLearned = "l"
        case saturated = "s"
        case cap = "c"
        case stage = "g"
        case before = "m"
        case due = "d"
        case holdSeconds = "h"
        case heldRate = "r"
        case isHolding = "i"
    }

    /// Whether something behind the jobs limits them.
    var isDownstreamLimited: Bool { cap != nil }

    /// The workers that are allowed; sets `clearsWindow` when a size turned out to be useless.
    mutating func allowed(_ input: Input, _ ledger: Ledger, clearsWindow: inout Bool) -> Int {
        let recent = recentServiceTime(ledger)
        let isDegraded = updateDegraded(input, recent)
        if cap == nil {
            guard isDegraded, input.demand > input.workers else {
                isHolding = false
                return input.demand
            }
            // The first doubling is free: it gives the first measurement inside the slow time.
            stage = .verify
            before = nil
            extend(input, workers: 2 * max(1, input.workers))
        }
        advance(input, measure(input, ledger), recent.seconds, &clearsWindow)
        let allowed = min(input.demand, cap ?? input.demand)
        isHolding = allowed < input.demand
        return allowed
    }

    /// Drops a measurement that a gap has made worthless.
    mutating func forgetMeasures(at now: Int) {
        before = nil
        saturated = 0
        due = max(due, now + Int(ScalingConstants.measureWindow.lowerBound * 1_000))
    }

    // MARK: What is slow

    private func recentServiceTime(_ ledger: Ledger) -> (seconds: Double, ended: Int) {
        guard let baseline else { return (0, 0) }
        let weight = ScalingConstants.guessWeight
        let done = ledger.within(max(20, ScalingConstants.serviceWindowFactor * baseline))
        let ended = done?.ended ?? 0
        return ((weight * baseline + (done?.busySeconds ?? 0)) / (weight + Double(ended)), ended)
    }

    private mutating func updateDegraded(_ input: Input, _ recent: (seconds: Double, ended: Int)) -> Bool {
        let known = baseline ?? input.serviceTime
        let isSaturated = input.waiting > 0 && GrowthGuard.isSaturated(input)
        saturated = isSaturated ? saturated + input.seconds : 0
        let isDegraded =
            isSaturated && recent.ended >= ScalingConstants.degradedCompletions
            && saturated >= known.clamped(to: ScalingConstants.saturationTime)
            && recent.seconds > ScalingConstants.degradedFactor * known
        // Frozen while degraded, so that a long trouble does not become the rule.
        if !isDegraded, cap == nil {
            baseline = known + (1 - exp(-input.seconds / ScalingConstants.baselineMemory)) * (input.serviceTime - known)
        }
        return isDegraded
    }

    /// Whether enough attempts have ended for a baseline to be known.
    mutating func hasBaseline(_ ended: Int) -> Bool {
        if ended >= ScalingConstants.baselineCompletions { isLearned = true }
        return isLearned && baseline != nil
    }

    /// Takes a service time as healthy while too few jobs have ended for any other judgement.
    mutating func learn(_ serviceTime: Double) {
        if cap == nil { baseline = serviceTime }
    }

    private static func isSaturated(_ input: Input) -> Bool {
        Double(input.inFlight) >= ScalingConstants.saturation * Double(input.workers * input.slots)
    }

    // MARK: Stages

    private func window(_ input: Input) -> Double {
        (2 * input.serviceTime).clamped(to: ScalingConstants.measureWindow)
    }

    private func measure(_ input: Input, _ ledger: Ledger) -> Measure? {
        let window = window(input)
        // One second of grace, since ticks do not come to the millisecond.
        guard let done = ledger.within(window + 1), done.seconds >= window / 2 else { return nil }
        return Measure(
            workers: input.workers,
            rate: Double(done.good) / done.seconds,
            busy: done.busySeconds / done.seconds
        )
    }

    private mutating func extend(_ input: Input, workers: Int) {
        cap = workers
        due = input.now + Int((1.3 * input.spawnSeconds + window(input) + 3) * 1_000)
    }

    private mutating func advance(_ input: Input, _ now: Measure?, _ recent: Double, _ clearsWindow: inout Bool) {
        if isOver(input, now, recent) {
            cap = nil
            holdSeconds = ScalingConstants.hold.lowerBound
            return
        }
        guard input.now >= due, let now else { return }
        switch (stage, before) {
        case (.verify, nil):
            before = now
            extend(input, workers: 2 * max(1, now.workers))
        case (.verify, let before?):
            judge(input, before, now, &clearsWindow)
        case (.hold, _):
            guard let cap, now.workers <= cap + 1 else { return }
            before = now
            stage = .verify
            let probe = Int((Double(now.workers) * ScalingConstants.probeFactor).rounded(.up))
            extend(input, workers: max(now.workers + 2, probe))
        }
    }

    private func isOver(_ input: Input, _ now: Measure?, _ recent: Double) -> Bool {
        if input.waiting == 0 { return true }
        if stage == .hold { return (now?.rate ?? 0) > ScalingConstants.recoveredThroughput * heldRate }
        let healthy = ScalingConstants.recoveredFactor * (baseline ?? input.serviceTime)
        return before == nil && input.now >= due && recent < healthy
    }

    /// Compares the throughput before and after growth.
    private mutating func judge(_ input: Input, _ before: Measure, _ now: Measure, _ clearsWindow: inout Bool) {
        let window = window(input)
        let gainBusy = now.busy / max(before.busy, 1e-9) - 1
        let gainRate = now.rate / max(before.rate, 1e-9) - 1
        guard gainBusy >= 0.2 else {
            // The new slots are not there yet.
            due = input.now + Int(window * 1_000)
            return
        }
        let noise = 2 * (1 / max(1, now.rate * window) + 1 / max(1, before.rate * window)).squareRoot()
        let owed = max(
            ScalingConstants.effectivePart * gainBusy,
            min(ScalingConstants.effectivePartNoise * gainBusy, noise)
        )
        if gainRate >= owed {
            self.before = now
            holdSeconds = ScalingConstants.hold.lowerBound
            extend(input, workers: 2 * max(1, now.workers))
        } else {
            cap = max(1, input.workersMin, before.workers)
            stage = .hold
            due = input.now + Int(holdSeconds * 1_000)
            holdSeconds = min(ScalingConstants.hold.upperBound, 2 * holdSeconds)
            heldRate = now.rate
            clearsWindow = true
        }
    }
}
