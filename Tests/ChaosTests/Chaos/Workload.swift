import ChaosKit
import FoundationEssentials
import Millpond
import PondSQLite

/// A job as a producer makes it.
struct WorkloadJob: Sendable {
    var name: String
    var type: JobType
    var key: String?
    var sha: String
    var job: NewJob
    var isToBeCancelled = false
}

/// Makes the jobs of one producer: the same for the same seed.
struct Workload {
    private let settings: RunSettings
    private let producer: Int
    private var generator: SeededGenerator
    private var made = 0
    private var poisons = 0
    private var keyed = 0
    private let bag: [JobType]

    init(_ settings: RunSettings, producer: Int) {
        self.settings = settings
        self.producer = producer
        generator = SeededGenerator(seed: settings.seed, part: "producer \(producer)")
        bag = JobType.allCases.flatMap { [JobType](repeating: $0, count: settings.mix[$0] ?? 0) }
    }

    /// The next jobs, and a poisonous one when it is time.
    mutating func jobs(_ count: Int, elapsed: Double) -> [WorkloadJob] {
        var jobs: [WorkloadJob] = []
        for _ in 0..<count {
            // Never refused: the options are within every bound.
            if let type = bag.randomElement(using: &generator), let job = try? job(type) { jobs.append(job) }
        }
        if producer == 0, settings.poisonSeconds > 0, elapsed > Double(poisons) * settings.poisonSeconds {
            poisons += 1
            if let job = try? job(.poison) { jobs.append(job) }
        }
        return jobs
    }

    private mutating func job(_ type: JobType) throws -> WorkloadJob {
        made += 1
        let name = "p\(producer)-\(made)"
        var payload = Payload(type: type)
        var options = EnqueueOptions()
        var key: String?
        options.headers = [Bench.nameHeader: name]
        options.jobClass = JobClass(rawValue: chaosClass(of: name))
        switch type {
        case .short:
            let draw = Int.random(in: 0..<10, using: &generator)
            options.priority = draw == 0 ? .high : draw < 3 ? .low : .normal
        case .long: payload.work = 12_000
        case .cpu: payload.work = 60
        case .delayed:
            options.delay = .milliseconds(Int.random(in: 300...6_000, using: &generator))
            options.priority = Bool.random(using: &generator) ? .low : .normal
        case .flaky: payload.fails = Int.random(in: 1...3, using: &generator)
        case .large: payload.pad = String(repeating: "0123456789abcdef", count: 16_384)
        case .keyed: key = nextKey()
        case .chain:
            payload.work = settings.chainWork
            let failsAt = Bool.random(using: &generator) ? Int.random(in: 1...3, using: &generator) : nil
            payload.failsAt = settings.chainsFail ? 3 : failsAt
        case .paid: options.budget.usd = Bench.budget
        case .poison: break
        }
        if let key, settings.has("keys") { options.key = try IdempotencyKey(key) }
        let encoder = JSONEncoder()
        // Jobs with one key have the same bytes.
        encoder.outputFormatting = [.sortedKeys]
        let data = [UInt8](try encoder.encode(payload))
        let sha = Digest.sha256(data)
        let isToBeCancelled = type == .delayed && Int.random(in: 0..<20, using: &generator) == 0
        return WorkloadJob(
            name: name,
            type: type,
            key: key,
            sha: sha,
            job: NewJob(kind: try JobKind(type.kind), data: data, options: options),
            isToBeCancelled: isToBeCancelled
        )
    }

    /// Keys that every producer uses, each twice in a row: four jobs that want the same effect.
    ///
    /// A queue without keys cannot keep them apart, so there each has its own.
    private mutating func nextKey() -> String {
        defer { keyed += 1 }
        return settings.has("keys") ? "order-\(keyed / 2)" : "order-\(producer)-\(keyed)"
    }
}
