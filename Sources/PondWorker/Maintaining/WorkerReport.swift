import FoundationEssentials
import Glibc
import PondCore

/// What a worker says of itself at each beat, for people and for `pond worker list`: JSON of at most 8 KiB.
struct WorkerReport: Codable, Sendable {
    struct RunningJob: Codable, Sendable {
        let id: String
        let kind: String
        let attempt: Int
        let seconds: Double
        let limitMs: Int64
        let progress: Double?
        let note: String?

        private enum CodingKeys: String, CodingKey {
            case id, kind, attempt, seconds, progress, note
            case limitMs = "limit_ms"
        }
    }

    /// Why the worker fetches single jobs only.
    struct Brake: Codable, Sendable {
        /// What the jobs died of.
        let cause: String
        /// Since when, by Redis' clock, in ms since 1970.
        let sinceMs: Int64?
        /// How many in a row.
        let count: Int

        private enum CodingKeys: String, CodingKey {
            case cause, count
            case sinceMs = "since_ms"
        }
    }

    private static let jobsMax = 10
    /// All kinds together; a worker knows a dozen of a dozen letters.
    private static let kindBytesMax = 3_000
    private static let noteBytesMax = 100
    private static let causeBytesMax = 300

    let host: String
    let pid: Int32
    let slots: Int
    let running: Int
    let buffered: Int
    let state: String
    /// 1 since it was told to stop: when it dies now, that is not its jobs' fault.
    let draining: Int?
    /// How old its heartbeat gets before it is lost.
    let leaseMs: Int64
    /// How long it hands a job on whose kind nobody knows, before that is dead.
    let unknownKindGraceMs: Int64
    let brake: Brake?
    let kinds: [String]
    let kindsTotal: Int
    /// Said even when there are none: so it is known that this worker does no work that is to be undone.
    let compensates: [String]
    let jobs: [RunningJob]

    private enum CodingKeys: String, CodingKey {
        case host, pid, slots, running, buffered, state, draining, brake, kinds, kindsTotal, compensates, jobs
        case leaseMs = "lease_ms"
        case unknownKindGraceMs = "unknown_kind_grace_ms"
    }

    init(_ served: ServedQueue, kinds: [String], compensates: [String], now: LocalInstant) {
        let parts = served.worker
        host = Host.name
        pid = getpid()
        slots = parts.configuration.slots
        buffered = parts.intake.buffered
        let phase = parts.phase.phase
        state = "\(phase)"
        draining = phase > .working ? 1 : nil
        leaseMs = parts.configuration.lease.wholeMilliseconds
        unknownKindGraceMs = parts.configuration.unknownKindGrace.wholeMilliseconds
        brake = served.brake.hold.map { hold in
            let since = served.serverClock.time(at: hold.since)?.milliseconds
            return Brake(cause: hold.cause.cut(toBytes: Self.causeBytesMax), sinceMs: since, count: hold.count)
        }
        var left = Self.kindBytesMax
        func fitting(_ kinds: [String]) -> [String] {
            Array(
                kinds.prefix { kind in
                    left -= kind.utf8.count + 3
                    return left >= 0
                }
            )
        }
        self.kinds = fitting(kinds)
        kindsTotal = kinds.count
        self.compensates = fitting(compensates)
        let runs = parts.table.runs
        running = runs.count
        jobs = runs.sorted { $0.started < $1.started }.prefix(Self.jobsMax).map { run in
            let progress = run.context.lastProgress
            return RunningJob(
                id: run.context.job.address,
                kind: run.context.job.kind.text,
                attempt: run.context.job.attempt,
                seconds: run.started.duration(to: now).inSeconds,
                limitMs: run.limit.time.wholeMilliseconds,
                progress: progress.fraction,
                note: progress.note?.cut(toBytes: Self.noteBytesMax)
            )
        }
    }

    var json: String {
        // Plain strings and finite numbers: there is nothing in it that cannot be encoded.
        guard let data = try? JSONEncoder().encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}
