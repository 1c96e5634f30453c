import PondScaling

/// Counts and draws what happens in a run.
struct SimulationRecorder {
    var workerSeconds = 0.0
    /// Seconds between two samples.
    let interval: Double
    private let waitTarget: Double
    private var jobs = 0
    private var late = 0
    /// The waits above zero; most jobs of a healthy queue do not wait at all.
    private var waits: [Double] = []
    private var longest = 0.0
    private var actions: [(time: Double, change: Int)] = []
    private var series: [SimulationSample] = []
    private var decisions: [ScalingDecision] = []
    private var sleeps: [Double] = []
    private var granted = 0
    private var demand = 0
    private var peak = 0

    private static let samplesMax = 480.0
    private static let flipSeconds = 300.0

    init(_ shape: LoadShape) {
        interval = max(1, (shape.duration / SimulationRecorder.samplesMax).rounded(.up))
        waitTarget = shape.waitTarget
        granted = shape.workersMin
    }

    mutating func start(wait: Double) {
        jobs += 1
        guard wait > 0 else { return }
        waits.append(wait)
        if wait > waitTarget { late += 1 }
        if wait > longest { longest = wait }
    }

    mutating func act(_ change: Int, at time: Double, _ answer: LawAnswer) {
        granted = answer.workers
        demand = answer.demand
        guard change != 0 else { return }
        actions.append((time, change))
        if let decision = answer.decision { decisions.append(decision) }
        if change < 0, answer.workers == 0 { sleeps.append(time) }
    }

    mutating func sample(_ view: QueueView, _ waiting: Int, _ age: Double, _ workers: Int) {
        peak = max(peak, workers)
        series.append(
            SimulationSample(
                time: view.time,
                waiting: waiting,
                busy: view.inFlight,
                granted: workers,
                demand: demand,
                age: age
            )
        )
    }

    func outcome(_ run: SimulationRun, left: Int, leftLate: Int, age: Double) -> Simulation.Outcome {
        var score = SimulationScore()
        // Who never got a turn is late too, once the target has passed.
        score.lateShare = Double(late + leftLate) / Double(max(1, jobs + leftLate))
        score.p95Wait = p95
        score.maxAge = max(longest, age)
        score.workerSeconds = workerSeconds
        score.busySeconds = run.view.busySeconds
        score.cost = workerSeconds * Double(run.shape.slots) / max(1e-9, run.view.busySeconds)
        score.flips = Double(flips)
        score.actions = Double(actions.count)
        score.busyDrained = Double(run.pool.busyDrained)
        score.busyDrainedBesideIdle = Double(run.pool.busyDrainedBesideIdle)
        score.peak = Double(peak)
        score.left = Double(left)
        return Simulation.Outcome(score: score, series: series, decisions: decisions, sleeps: sleeps)
    }

    private var p95: Double {
        let rank = Int(0.95 * Double(jobs)) - (jobs - waits.count)
        guard rank >= 0, rank < waits.count else { return 0 }
        return waits.sorted()[rank]
    }

    private var flips: Int {
        zip(actions, actions.dropFirst()).count { before, after in
            (before.change > 0) != (after.change > 0) && after.time - before.time < SimulationRecorder.flipSeconds
        }
    }
}
