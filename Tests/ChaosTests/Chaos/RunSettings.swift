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
    /// Every saga fails at its last step and so undoes the others, instead of one in two at a random step.
    var sagasFail = false
    /// How long each step of a saga takes, and each undoing, in milliseconds.
    var sagaWork = 20
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
        .short: 880, .delayed: 40, .flaky: 30, .cpu: 10, .keyed: 24, .saga: 12, .paid: 3, .large: 2, .long: 1,
    ]

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
    /// Steps, and their undoing in reverse when one fails.
    case saga
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
