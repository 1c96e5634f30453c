/// The numbers of the law, each with where it comes from; times are in seconds.
///
/// "Staffing" is the square-root rule of queueing theory, "tuned" means chosen by simulation over ten shapes of load and
/// held by tests, "choice" means that another number would do as well.
enum ScalingConstants {
    // MARK: The clock

    /// How often a leader decides; a choice: at 5 seconds a burst leaves a fifth more late jobs.
    static let tick = 2.0
    /// A longer gap between readings says nothing of rates: longer than a leader's lease and its successor's start.
    static let gapMax = 30.0

    // MARK: Arrivals

    /// The fast average follows half a service time, within these bounds; tuned.
    static let fastWindow = 10.0...60.0
    /// The slow average follows three service times, within these bounds; tuned.
    static let slowWindow = 60.0...600.0
    /// Standard deviations by which the fast average must exceed the slow one to be news: 1 of 700 ticks by chance.
    static let eventDeviations = 3.0

    // MARK: Service time

    /// Completions that the guess weighs as much as; a choice between trust in the guess and speed of learning.
    static let guessWeight = 3.0
    /// Service times that the window of the average spans, and its bounds; tuned.
    static let serviceWindowFactor = 5.0
    /// The bounds of that window.
    static let serviceWindow = 60.0...600.0
    /// Time constant of the long memory that replaces the guess.
    static let serviceMemory = 100.0
    /// The least and the most that a job can take: a timer's resolution, and a week.
    static let serviceTime = 0.001...604_800.0

    // MARK: Demand

    /// The part of the wait target that is aimed at; half leaves room for what the averages cannot see.
    static let setPoint = 0.5
    /// The most that slots may be busy on average, for large loads where the staffing rule gives little.
    static let utilizationMax = 0.95
    /// Deviations of headroom: 95 of 100 of a normal distribution lie below 1.65; staffing.
    static let headroomDeviations = 1.65
    /// Half the sum of the squared variations of arrivals and service times; bursts and a mix of kinds.
    static let variability = 1.5
    /// The logarithm of 1/20, for the exponential tail of the wait: 5 of 100 may wait longer.
    static let tailExponent = 3.0
    /// The part of the wait target in which an excess is cleared; a choice.
    static let catchUp = 0.5
    /// Spawn times in which an excess is cleared at the fastest: what is not running cannot help.
    static let catchUpSpawns = 2.0
    /// From the request for a worker to its first fetch, until one was seen.
    static let spawnTime = 3.0
    /// The bounds of what is believed of it.
    static let spawnTimes = 0.05...600.0

    // MARK: Age trim

    /// Growth of the trim a tick while jobs wait too long.
    static let trimGrowth = 1.10
    /// Shrinking of the trim a tick when they do not.
    static let trimDecay = 0.97
    /// The most that the trim multiplies; more means that the cause is not a wrong measurement.
    static let trimMax = 3.0

    // MARK: Up

    /// Growth in one step: doubling, or this many, as the horizontal pod autoscaler of Kubernetes does.
    static let growthStep = 4
    /// From this part of the wait target on, the head of the queue is a reason to panic.
    static let panicAge = 0.8
    /// From this many wait targets of work a slot on, so is the backlog.
    static let panicWork = 2.0

    // MARK: Down

    /// Shrinking by less than this over the root of the demand is not worth the move: what is measured of a small queue
    /// sways more, by the same root; tuned.
    static let deadBandDeviations = 0.7
    /// The least and the most of that, as parts of the demand.
    static let deadBand = 0.05...0.15
    /// The bounds of the window of two service times whose largest demand counts; tuned: 60 costs 1.5% more and flaps as
    /// often, 30 flaps more.
    static let downWindow = 50.0...600.0
    /// The most that goes in one step, and the time between steps; tuned.
    static let shrinkPart = 0.25
    /// The time between two steps down.
    static let shrinkInterval = 10.0

    // MARK: Verified growth

    /// Time constant of the service time that counts as healthy.
    static let baselineMemory = 900.0
    /// Before so many attempts have ended there is no baseline to be slower than.
    static let baselineCompletions = 30
    /// Slower than this many baselines is degraded; a choice.
    static let degradedFactor = 1.5
    /// Below this many baselines the downstream is well again.
    static let recoveredFactor = 1.2
    /// The part of the slots that must be busy.
    static let saturation = 0.85
    /// For how long, within these bounds around one service time.
    static let saturationTime = 4.0...60.0
    /// Attempts that must have ended before a service time is believed.
    static let degradedCompletions = 8
    /// The bounds of the two service times over which throughput is measured.
    static let measureWindow = 12.0...120.0
    /// Growth counts as effective when throughput rose by this part of what the busy slots rose by.
    static let effectivePart = 0.3
    /// Or by this part, if that is less than what chance makes.
    static let effectivePartNoise = 0.5
    /// The first hold and the longest; each ineffective probe doubles it.
    static let hold = 60.0...600.0
    /// Growth of a probe.
    static let probeFactor = 1.5
    /// Throughput over that of the hold from which on the downstream counts as recovered.
    static let recoveredThroughput = 1.3

    // MARK: Failures

    /// The part of attempts that must have failed.
    static let failingShare = 0.5
    /// Over this time.
    static let failingWindow = 60.0
    /// Attempts that must have ended in it.
    static let failingCompletions = 8
    /// Successes must have risen by this factor within the window to be a reason to grow on.
    static let risingFactor = 1.1
    /// How often a held queue may try one step.
    static let failingProbe = 60.0
}

extension Double {
    /// The number, or the nearer end of the range.
    func clamped(to range: ClosedRange<Double>) -> Double {
        // A number that is none must not reach the law.
        isNaN ? range.lowerBound : Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}

extension Int {
    /// The number, or the nearer end of the range.
    func clamped(to range: ClosedRange<Int>) -> Int {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
