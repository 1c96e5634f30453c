/// Kubernetes' horizontal pod autoscaler with its defaults, on a metric that is divided by a target a worker.
///
/// A sync every 15 seconds, 10% tolerance, up by doubling or four, down to the largest wish of five minutes. Which worker
/// goes is not its business, so any may.
struct HorizontalPodAutoscaler: RivalMemory {
    let target: Double
    let metric: @Sendable (QueueView) -> Double
    private var wishes: [(time: Double, workers: Int)] = []

    private static let tolerance = 0.1
    private static let downWindow = 300.0

    init(target: Double, metric: @escaping @Sendable (QueueView) -> Double) {
        self.target = target
        self.metric = metric
    }

    mutating func decide(_ view: QueueView) -> LawAnswer? {
        let value = metric(view)
        let now = view.workers
        let wish: Int
        if now == 0 {
            wish = value > 0 ? 1 : 0
        } else {
            let ratio = value / (target * Double(now))
            let isClose = abs(1 - ratio) <= HorizontalPodAutoscaler.tolerance
            wish = isClose ? now : Int((value / target).rounded(.up))
        }
        wishes.append((view.time, wish))
        wishes.removeAll { $0.time < view.time - HorizontalPodAutoscaler.downWindow }
        let down = min(now, wishes.map(\.workers).max() ?? wish)
        let up = min(wish, max(2 * now, now + 4))
        return LawAnswer(workers: wish > now ? up : down, demand: wish, choosesIdle: false)
    }
}

/// AWS target tracking: out after three high minutes, in by a tenth after fifteen low ones.
struct TargetTracking: RivalMemory {
    let target: Double
    let workersMin: Int
    private var high = 0
    private var low = 0

    init(target: Double, workersMin: Int) {
        self.target = target
        self.workersMin = workersMin
    }

    mutating func decide(_ view: QueueView) -> LawAnswer? {
        let now = max(1, view.workers)
        let backlog = Double(view.waiting) / Double(now)
        high = backlog > target ? high + 1 : 0
        low = backlog < 0.9 * target ? low + 1 : 0
        let wish = Int((Double(now) * backlog / target).rounded(.up))
        if high >= 3 {
            high = 0
            return LawAnswer(workers: wish, demand: wish, choosesIdle: false)
        }
        guard low >= 15 else { return nil }
        low = 0
        return LawAnswer(workers: max(workersMin, now - max(1, now / 10)), demand: wish, choosesIdle: false)
    }
}
