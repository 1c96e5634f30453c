/// How a law did on a shape: of one run, or the mean of several.
public struct SimulationScore: Sendable, Hashable {
    /// The part of the jobs that waited longer than the target, 0 to 1.
    public var lateShare = 0.0
    /// 95 of 100 jobs waited at most so many seconds.
    public var p95Wait = 0.0
    /// The longest wait, in seconds, of those that wait at the end too.
    public var maxAge = 0.0
    /// Workers times seconds, starting and draining ones included: what it costs.
    public var workerSeconds = 0.0
    /// Slot-seconds of jobs: what the work itself takes.
    public var busySeconds = 0.0
    /// Slot-seconds there were for a slot-second of work.
    public var cost = 0.0
    /// Changes of direction within five minutes.
    public var flips = 0.0
    /// Changes of size.
    public var actions = 0.0
    /// Busy workers that were told to go.
    public var busyDrained = 0.0
    /// Of these, such as were told while an idle one was there.
    public var busyDrainedBesideIdle = 0.0
    /// The most workers at a time.
    public var peak = 0.0
    /// Jobs that still wait at the end.
    public var left = 0.0

    public init() {}

    private static var fields: [WritableKeyPath<SimulationScore, Double>] {
        [
            \.lateShare, \.p95Wait, \.maxAge, \.workerSeconds, \.busySeconds, \.cost, \.flips, \.actions,
            \.busyDrained, \.busyDrainedBesideIdle, \.peak, \.left,
        ]
    }

    /// The mean of each number; zeros for no scores.
    public static func mean(of scores: [SimulationScore]) -> SimulationScore {
        var mean = SimulationScore()
        guard !scores.isEmpty else { return mean }
        for field in fields {
            mean[keyPath: field] = scores.reduce(0) { $0 + $1[keyPath: field] } / Double(scores.count)
        }
        return mean
    }
}
