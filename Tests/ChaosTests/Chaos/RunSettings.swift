import ChaosKit
import PondCore

/// What a run is asked to do; the same in every process of it.
struct RunSettings: Codable, Sendable {
    var seed: UInt64 = 1
    /// How long the faults go on.
    var faultSeconds = 165.0
    /// How long the run is left alone before.
    var warmUpSeconds = 10.0
    /// How long producers go on after the last fault, so that new work shows whether it flows.
    var afterSeconds = 5.0
    /// How long the drain may take.
    var drainSeconds = 90.0
    /// Jobs a second, of all producers together.
    var rate = 430.0
    var producers = 2
    var supervisors = 2
    var workersPerSupervisor = 3
    var slots = 8
    /// Shares of the kinds of jobs.
    var mix: [JobType: Int] = RunSettings.fullMix
    /// One job that kills its worker this often; zero for none.
    var poisonSeconds = 25.0
    /// The part of worker starts that carries a crash point.
    var crashShare = 0.25
    /// How often a minute each fault happens.
    var faults: [String: Double] = [:]
    /// Whether the paths that a good run takes must have been taken.
    var hasGates = true
    /// Every chain fails at its last step and so undoes the others, instead of one in two at a random step.
    var chainsFail = false
    /// How long each step of a chain takes, and each undoing, in milliseconds.
    var chainWork = 20
    /// Sagas a second, and how many; zero for no bound.
    var sagaRate = 4.0
    var sagaCount = 0
    /// Which shapes of sagas there are; none is all.
    ///
    /// With a number of steps there is but one shape, of so many.
    var sagaShapes: [String] = []
    var sagaSteps = 0
    /// How long a step of a saga takes, in milliseconds, on average.
    var sagaWork = 20
    /// Whether some sagas are cancelled, paused, replayed, or late.
    var sagasAreTreated = true
    /// When Redis writes down: `appendfsync`.
    var durability = "everysec"
    /// Producers begin before any worker has been there.
    var producersFirst = false
    /// What the program under test has: `fences`, `keys`, `budgets`.
    var features: [String] = []
    /// Workers' grace after a SIGTERM.
    var graceSeconds = 5.0
    /// How old a worker's beat gets before others take over; a quarter of it is the beat.
    var leaseSeconds = 4.0
    /// Producers rest while more jobs than this are ready.
    var readyMax = 3_000
    /// How soon after the last fault a due job must be delivered.
    var livenessSeconds = 60.0

    static let fullMix: [JobType: Int] = [
        .short: 880, .delayed: 40, .flaky: 30, .cpu: 10, .keyed: 24, .chain: 12, .paid: 3, .large: 2, .long: 1,
    ]

    /// Nothing but so many sagas of six steps, of which half fail at random, while a worker is killed every second and Redis five
    /// times.
    ///
    /// Redis syncs before it answers, so that what it has said holds whatever happens to it.
    mutating func becomeAcceptance(of count: Int) {
        (sagaCount, sagaSteps, sagasAreTreated, durability) = (count, 6, false, "always")
        (rate, producers, poisonSeconds, crashShare, hasGates) = (0, 0, 0, 0, false)
        faultSeconds = max(60, Double(count) / 12)
        sagaRate = Double(count) / (faultSeconds * 0.9)
        faults = ["worker-kill": 60, "redis-kill": 5 * 60 / faultSeconds]
        drainSeconds = 180
    }

    var rates: [FaultKind: Double] {
        var rates: [FaultKind: Double] = [:]
        for (name, rate) in faults {
            if let kind = FaultKind(rawValue: name) { rates[kind] = rate }
        }
        return rates
    }

    func has(_ feature: String) -> Bool { features.contains(feature) }
}

/// A kind of job of the workload.
enum JobType: String, Codable, CaseIterable, Sendable, CodingKeyRepresentable {
    /// Five milliseconds; the bulk.
    case short
    /// Three leases.
    case long
    /// Holds a thread.
    case cpu
    /// Enqueued for later.
    case delayed
    /// Throws a few times first.
    case flaky
    /// Kills its own process, every time.
    case poison
    /// A quarter of a megabyte.
    case large
    /// Several jobs with one key, of which one may run.
    case keyed
    /// Guarded effects one after the other, and their undoing in reverse when one fails, by the job itself.
    case chain
    /// Spends money at each try and never succeeds.
    case paid

    var kind: String { "chaos.\(rawValue)" }

    static let attemptsMax = 10

    var timeout: Duration {
        switch self {
        case .long: .seconds(60)
        default: .seconds(30)
        }
    }
}
