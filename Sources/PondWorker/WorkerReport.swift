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
        let progress: Double?
        let note: String?
    }

    private static let jobsMax = 10
    /// All kinds together; a worker knows a dozen of a dozen letters.
    private static let kindBytesMax = 3_000
    private static let noteBytesMax = 100

    let host: String
    let pid: Int32
    let slots: Int
    let running: Int
    let buffered: Int
    let state: String
    let kinds: [String]
    let kindsTotal: Int
    /// Said even when there are none: so it is known that this worker does no work that is to be undone.
    let compensates: [String]
    let jobs: [RunningJob]

    init(parts: WorkerParts, kinds: [String], compensates: [String], now: LocalInstant) {
        host = Host.name
        pid = getpid()
        slots = parts.configuration.slots
        buffered = parts.intake.buffered
        state = "\(parts.phase.phase)"
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
                id: run.assignment.job.address,
                kind: run.assignment.job.kind.text,
                attempt: run.assignment.job.attempt,
                seconds: run.started.duration(to: now).inSeconds,
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
