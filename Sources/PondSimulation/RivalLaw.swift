import Glibc

/// A law of another autoscaler, written from its documentation or its source.
public struct RivalLaw: ScalingLaw {
    /// The name, as typed.
    public let name: String
    /// What it goes by, in one line.
    public let summary: String
    /// Seconds between ticks.
    public let period: Double
    private var memory: any RivalMemory

    init(_ name: String, _ summary: String, period: Double, _ memory: some RivalMemory) {
        self.name = name
        self.summary = summary
        self.period = period
        self.memory = memory
    }

    /// Decides at a tick.
    public mutating func decide(_ view: QueueView) -> LawAnswer? {
        memory.decide(view)
    }
}

/// The state of a rival and what it does at a tick.
protocol RivalMemory: Sendable {
    mutating func decide(_ view: QueueView) -> LawAnswer?
}

extension RivalLaw {
    /// All rivals, set for a shape as a careful user would set them.
    public static func all(for shape: LoadShape) -> [RivalLaw] {
        let slots = Double(shape.slots)
        let acceptable = max(1, shape.waitTarget / shape.serviceTime * slots)
        return [
            RivalLaw(
                "hpa-depth",
                "Kubernetes HPA on the depth of the queue, 10 a worker",
                period: 15,
                HorizontalPodAutoscaler(target: 10) { Double($0.waiting) }
            ),
            RivalLaw(
                "keda-pending",
                "KEDA redis-streams with pendingEntriesCount 5, its default",
                period: 15,
                HorizontalPodAutoscaler(target: 5) { Double($0.inFlight) }
            ),
            RivalLaw(
                "keda-lag",
                "KEDA redis-streams with lagCount 5",
                period: 15,
                HorizontalPodAutoscaler(target: 5) { Double($0.waiting) }
            ),
            RivalLaw(
                "keda-backlog",
                "KEDA with AWS' acceptable backlog per instance at half the wait target",
                period: 15,
                HorizontalPodAutoscaler(target: max(1, acceptable / 2)) { Double($0.waiting) }
            ),
            RivalLaw(
                "keda-busy",
                "KEDA on waiting and running jobs, 0.8 of the slots a worker",
                period: 15,
                HorizontalPodAutoscaler(target: 0.8 * slots) { Double($0.waiting + $0.inFlight) }
            ),
            RivalLaw(
                "aws-tracking",
                "AWS target tracking of the backlog per instance, a metric a minute",
                period: 60,
                TargetTracking(target: acceptable, workersMin: shape.workersMin)
            ),
            RivalLaw(
                "age-steps",
                "a worker more or less by thresholds of the oldest wait",
                period: 10,
                AgeSteps(waitTarget: shape.waitTarget)
            ),
            RivalLaw(
                "horizon-auto",
                "Laravel Horizon's auto balance: a worker more or less every 3 s",
                period: 3,
                HorizonAuto(workersMin: shape.workersMin, workersMax: shape.workersMax)
            ),
            RivalLaw(
                "sla-hybrid",
                "rate, backlog and time to breach, as cboxdk's autoscaler for Laravel",
                period: 5,
                SLAHybrid(shape)
            ),
        ]
    }
}
