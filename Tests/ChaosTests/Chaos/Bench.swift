// What the jobs of the workload do. Every effect goes to the ledger with the delivery's fence; guarded effects go to
// the inbox file too, in one transaction with their record. What exactly is a duplicate is said in `EffectRules.swift`.

import ChaosKit
import FoundationEssentials
import Glibc
import GRDB
import Millpond
import PondSQLite

/// A payload of the workload.
///
/// The job's own name is in a header, because jobs with one key have one payload.
struct Payload: Codable, Sendable {
    var type: JobType
    /// How long the work takes, in ms.
    var work = 5
    /// How many tries throw first.
    var fails = 0
    /// The chain's effect that fails, nil when none does.
    var failsAt: Int?
    var pad = ""
    /// What a clumsy encoder breaks: a number beyond doubles, and an empty list.
    var exact: Int64 = 9_007_199_254_740_993
    var none: [Int] = []
}

/// What went wrong on purpose, or because this worker is no longer the job's.
struct Planned: Error, CustomStringConvertible {
    let description: String
}

/// The handlers' tools.
struct Bench: Sendable {
    let recorder: Recorder
    let ledger: LedgerClient
    private let inbox: GuardedEffects

    init() throws {
        let place = try Place.current()
        recorder = try OwnHistory.recorder("worker")
        ledger = try LedgerClient(socket: place.ledgerSocket, process: recorder.process)
        inbox = try GuardedEffects(place.inboxFile, process: recorder.process)
    }

    /// What a job that costs money may spend, and what each try of it does: the third is one too many.
    static let budget: USD = 0.05
    static let price: USD = 0.02

    /// Header of every job: the name that its producer gave it.
    static let nameHeader = "chaos-job"

    func run(_ type: JobType, _ job: JobContext) async throws {
        let name = job.headers[Bench.nameHeader] ?? "nameless-\(job.id)"
        let sha = Digest.sha256(job.job.data)
        recorder.note(.deliver) { event in
            (event.job, event.id, event.type, event.sha) = (name, job.id.text, type.rawValue, sha)
            (event.attempt, event.recoveries, event.fence) = (job.attempt, job.recoveries, job.fence)
        }
        do {
            try await work(type, name, job)
            recorder.note(.end) { ($0.job, $0.text) = (name, "returned") }
        } catch {
            recorder.note(.end) { ($0.job, $0.text) = (name, "threw \(error)") }
            throw error
        }
    }

    private func work(_ type: JobType, _ name: String, _ job: JobContext) async throws {
        // A payload that was changed on its way is noted by its sum; the job goes on with what its kind says.
        let payload = (try? JSONDecoder().decode(Payload.self, from: Data(job.job.data))) ?? Payload(type: type)
        if type == .poison { kill(getpid(), SIGKILL) }
        if type == .paid {
            try job.spend(usd: Bench.price)
            throw Planned(description: "the money was for nothing")
        }
        if job.attempt <= payload.fails {
            try await pause(payload.work)
            throw Planned(description: "planned failure \(job.attempt) of \(payload.fails)")
        }
        switch type {
        case .cpu: Bench.burn(payload.work)
        case .long: try await sleepLong(payload.work, job)
        case .chain: return try await runChain(payload, name, job)
        case .keyed:
            try await effect(name, job)
            return try await guarded(name, job)
        case .short, .delayed, .flaky, .poison, .large, .paid: try await pause(payload.work)
        }
        if type == .flaky { try await guarded(name, job) }
        try await effect(name, job)
    }

    /// The effect in a system that only knows fences.
    private func effect(_ name: String, _ job: JobContext) async throws {
        guard try await ledger.record(job: name, fence: job.fence) else {
            recorder.note(.effectRefused) { ($0.job, $0.id, $0.fence) = (name, job.id.text, job.fence) }
            throw Planned(description: "the ledger knows a later delivery")
        }
    }

    /// The effect that happens once.
    private func guarded(_ name: String, _ job: JobContext) async throws {
        try await inbox.once(job, name, "effect")
    }

    private func runChain(_ payload: Payload, _ name: String, _ job: JobContext) async throws {
        let steps = ["reserve", "charge", "book", "confirm"]
        let failsAt = payload.failsAt ?? steps.count
        for step in steps.prefix(failsAt) {
            try await inbox.once(job, name, step)
            try await pause(payload.work)
        }
        guard failsAt < steps.count else { return try await effect(name, job) }
        for step in steps.prefix(failsAt).reversed() {
            try await inbox.once(job, name, step, undoing: true)
            try await pause(payload.work)
        }
        try await effect(name, job)
    }

    private func sleepLong(_ milliseconds: Int, _ job: JobContext) async throws {
        for done in stride(from: 0, to: milliseconds, by: 100) {
            try await pause(100)
            try job.heartbeat(progress: Double(done) / Double(milliseconds))
        }
    }

    private func pause(_ milliseconds: Int) async throws {
        try await LocalClock.system.sleep(.milliseconds(milliseconds))
    }

    private static func burn(_ milliseconds: Int) {
        let end = Moment.monotonic() + Int64(milliseconds) * 1_000_000
        while Moment.monotonic() < end {}
    }
}

/// Guarded effects: rows in the inbox's own file, each in one transaction with the note that it was made.
struct GuardedEffects: Sendable {
    private let inbox: Inbox
    private let process: String

    static let schema = SQLiteSchema(name: "chaos", steps: [LedgerFile.guardedSchema])

    init(_ path: String, process: String) throws {
        inbox = try Inbox(path: path, schemas: [GuardedEffects.schema])
        self.process = process
    }

    /// Makes an effect, unless an earlier delivery of the job has made it.
    func once(_ job: JobContext, _ name: String, _ step: String, undoing: Bool = false) async throws {
        let scope = job.idempotencyKey ?? name
        let action = undoing ? "undo" : "do"
        let process = process
        let effect: @Sendable (Database) throws -> Void = { db in
            try db.execute(
                sql: "INSERT INTO guarded_effects (scope, job, step, action, proc) VALUES (?, ?, ?, ?, ?)",
                arguments: [scope, name, step, action, process]
            )
        }
        #if PLANTED_BUGS
        if undoing, PlantedBug.active == .unrecordedUndo { return try await inbox.store.write(effect) }
        #endif
        try await job.inbox(inbox, "\(action) \(step)", effect)
    }
}
