import Millpond
import PondSupervisor
import Synchronization

/// Feeds the fleet, watches it, kills of it what chaos wants, and knows when it is done.
struct DemoDrive {
    private let run: DemoRun
    private let supervisor: Supervisor
    private let news: FleetNews
    private var journal: JournalTally
    private var chaos: Chaos?
    private var progress: DemoProgress
    private var stillness: Stillness
    private var result = DemoResult()

    /// How often the queue and the rows are looked at.
    static let lookInterval = Duration.milliseconds(200)

    init(_ run: DemoRun, _ supervisor: Supervisor, _ news: FleetNews) {
        self.run = run
        self.supervisor = supervisor
        self.news = news
        journal = JournalTally(run.queue)
        chaos = run.plan.isChaos ? Chaos(run.clock) : nil
        progress = DemoProgress(on: run.terminal, clock: run.clock)
        stillness = Stillness(run.clock.now())
    }

    /// Enqueues the folder and returns when every job has ended.
    mutating func run() async throws -> DemoResult {
        try await journal.skip()
        let doneBefore = try await run.queue.depth().done
        let started = run.clock.now()
        defer { progress.finish() }
        try await feed()
        while true {
            let depth = try await look(doneBefore)
            if try await isOver(depth) { break }
            try await run.clock.sleep(DemoDrive.lookInterval)
        }
        result.elapsed = run.clock.now() - started
        let dead = try await run.queue.dead(limit: 1_000)
        result.dead = Dictionary(grouping: dead, by: \.cause).map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
        return result
    }

    private mutating func feed() async throws {
        let isFirst = result.rounds == 0
        let (files, obstacles) = try await FolderFeeder(run.queue, clock: run.clock).feed(run.plan.input) { files in
            try checkWorkers()
            if isFirst { progress.show(0, of: files, jobs: 0, []) }
        }
        if isFirst { WalkCommand.warn(of: obstacles, on: run.terminal) }
        result.files = max(result.files, files)
        result.rounds += 1
    }

    private mutating func look(_ doneBefore: Int) async throws -> Depth {
        try checkWorkers()
        let workers = supervisor.snapshot()
        if let victim = chaos?.strike(workers) { progress.say("killed the worker \(victim)") }
        let depth = try await run.queue.depth()
        try await journal.update()
        result.done = depth.done - doneBefore
        (result.retries, result.recoveries) = (journal["retried"], journal["reclaimed"])
        result.kills = chaos?.kills ?? 0
        let rows = try await run.documents.progress()
        var facts = [("texts linked", rows.linked), ("retries", result.retries), ("recoveries", result.recoveries)]
        if chaos != nil { facts.append(("kills", result.kills)) }
        progress.show(rows.documents, of: result.files, jobs: result.done, facts.map { (name: $0.0, count: $0.1) })
        try stillness.check(depth, rows.documents + rows.linked, at: run.clock.now())
        return depth
    }

    /// Whether there is nothing left to do; what chaos still wants is begun here.
    private mutating func isOver(_ depth: Depth) async throws -> Bool {
        if let chaos, chaos.isOn, chaos.kills < Chaos.killsMin {
            // Kills that hit idle workers would show nothing, so a small folder goes in several times at once.
            var ready = depth.ready
            while ready < IngestLimits.enqueueBatchMax, result.files > 0 {
                try await feed()
                ready += result.files
            }
            return false
        }
        guard depth.ready + depth.inFlight + depth.held == 0 else { return false }
        guard chaos != nil else { return true }
        chaos?.isOn = false
        let revived = try await revive()
        result.revived += revived
        return revived == 0
    }

    /// Three workers of a job died by chance, not by its fault: what a person would do once the kills are over.
    private func revive() async throws -> Int {
        let poisoned = try await run.queue.dead(limit: Limits.deadBatchMax, cause: "poison")
        guard !poisoned.isEmpty else { return 0 }
        return try await run.queue.revive(poisoned.map(\.id)).count { $0 == .enqueued }
    }

    private func checkWorkers() throws {
        if run.stopSwitch.isStopping { throw run.interrupted }
        guard let trouble = news.trouble else { return }
        throw CommandFailure(
            .failure,
            "the workers keep ending: \(trouble)",
            hint: "run one by hand and read what it says: MILLPOND_REDIS_URL=… ingest worker"
        )
    }
}

/// Notices when nothing moves any more.
private struct Stillness {
    private var last = [0]
    private var since: LocalInstant

    /// How long nothing may move before the run is given up.
    private static let patience = Duration.seconds(60)

    init(_ now: LocalInstant) {
        since = now
    }

    mutating func check(_ depth: Depth, _ rows: Int, at now: LocalInstant) throws(CommandFailure) {
        let present = [depth.ready, depth.inFlight, depth.held, depth.done, depth.added, rows]
        if present != last { (last, since) = (present, now) }
        guard now - since > Stillness.patience else { return }
        throw CommandFailure(
            .timedOut,
            "no job has ended for \(Stillness.patience.human): \(depth.ready) ready, \(depth.inFlight) in flight, "
                + "\(depth.held) held",
            hint: "see what holds them: pond status, pond doctor"
        )
    }
}

/// What the demo has to know of its fleet.
final class FleetNews: Sendable {
    private let parked = Mutex<String?>(nil)

    /// Why the workers do not come up; nil while they do.
    var trouble: String? { parked.withLock { $0 } }

    @Sendable func note(_ event: FleetEvent) {
        guard case .parked(_, let reason) = event else { return }
        parked.withLock { $0 = "\(reason.exits) ends within \(reason.window.human), the last was \(reason.lastExit)" }
    }
}
