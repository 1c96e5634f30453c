import Glibc

/// Thresholds of the oldest wait: one more every 30 seconds above half the target, one less after ten minutes below a
/// tenth of it.
struct AgeSteps: RivalMemory {
    let waitTarget: Double
    private var lastUp = -Double.infinity
    private var below: Double?

    init(waitTarget: Double) {
        self.waitTarget = waitTarget
    }

    mutating func decide(_ view: QueueView) -> LawAnswer? {
        if view.oldestWait > 0.5 * waitTarget {
            below = nil
            guard view.time - lastUp >= 30 else { return nil }
            lastUp = view.time
            return LawAnswer(workers: view.workers + 1)
        }
        guard view.oldestWait < 0.1 * waitTarget else {
            below = nil
            return nil
        }
        guard let since = below, view.time - since >= 600 else {
            below = below ?? view.time
            return nil
        }
        below = view.time
        return LawAnswer(workers: view.workers - 1, choosesIdle: false)
    }
}

/// Laravel Horizon's `auto` for one queue: towards the most while anything waits, towards the least while nothing does.
struct HorizonAuto: RivalMemory {
    let workersMin: Int
    let workersMax: Int

    mutating func decide(_ view: QueueView) -> LawAnswer? {
        let wish = view.waiting > 0 ? workersMax : workersMin
        guard wish != view.workers else { return nil }
        return LawAnswer(workers: view.workers + (wish > view.workers ? 1 : -1), demand: wish)
    }
}

/// The larger of what the rate needs and what the backlog needs before the target is breached.
struct SLAHybrid: RivalMemory {
    private let slots: Int
    private let target: Double
    private let bounds: ClosedRange<Int>
    private let guess: Double
    private var backlogs: [Double] = []
    private var completions = 0
    private var busySeconds = 0.0
    private var lastDirection = 0
    private var lastMove = -Double.infinity

    private static let period = 5.0
    private static let samplesMax = 30

    init(_ shape: LoadShape) {
        slots = shape.slots
        target = shape.waitTarget
        bounds = shape.workersMin...max(shape.workersMin, shape.workersMax)
        guess = shape.serviceTime
    }

    mutating func decide(_ view: QueueView) -> LawAnswer? {
        let service = serviceTime(view)
        let ended = Double(view.completions - completions) / SLAHybrid.period
        completions = view.completions
        busySeconds = view.busySeconds
        let rate = max(0, ended + growth(Double(view.waiting)))
        let wanted = max(rate * service, slotsForBacklog(view, service))
        let wish = Int((wanted / Double(slots)).rounded(.up))
        var size = wish
        let isFull = Double(view.inFlight) >= 0.9 * Double(view.workers * slots)
        if view.workers > 0, isFull, size <= view.workers { size = view.workers + 1 }
        size = min(max(size, bounds.lowerBound), bounds.upperBound)
        if size < view.workers {
            size = max(size, view.workers - max(1, Int((Double(view.workers) * 0.25).rounded(.up))))
        }
        return moved(to: size, wish: wish, view)
    }

    private func serviceTime(_ view: QueueView) -> Double {
        let count = view.completions - completions
        return count > 0 ? (view.busySeconds - busySeconds) / Double(count) : guess
    }

    /// The growth of the backlog, with weights that double from sample to sample.
    private mutating func growth(_ backlog: Double) -> Double {
        backlogs.append(backlog)
        if backlogs.count > SLAHybrid.samplesMax { backlogs.removeFirst() }
        var (sum, weights, weight) = (0.0, 0.0, 1.0)
        for index in backlogs.indices.dropFirst() {
            weight *= 2
            sum += (backlogs[index] - backlogs[index - 1]) / SLAHybrid.period * weight
            weights += weight
        }
        return weights > 0 ? sum / weights : 0
    }

    private func slotsForBacklog(_ view: QueueView, _ service: Double) -> Double {
        let target = max(1, target - view.spawnSeconds)
        let pressure = min(view.oldestWait / target, 1.5)
        guard view.waiting > 0, pressure >= 0.5 else { return 0 }
        let left = target - view.oldestWait
        let base = Double(view.waiting) / (left > 0 ? max(left / service, 1) : max(service, 0.1))
        return base * min(5, 1 + 8 * (pressure - 0.5) * (pressure - 0.5))
    }

    /// No change of direction within a minute, unless jobs are late.
    private mutating func moved(to size: Int, wish: Int, _ view: QueueView) -> LawAnswer? {
        let direction = (size - view.workers).signum()
        let isReversal = direction != 0 && lastDirection != 0 && direction != lastDirection
        let isLate = direction > 0 && view.oldestWait > target
        if isReversal, view.time - lastMove < 60, !isLate { return nil }
        if direction != 0 { (lastDirection, lastMove) = (direction, view.time) }
        return LawAnswer(workers: size, demand: wish)
    }
}
