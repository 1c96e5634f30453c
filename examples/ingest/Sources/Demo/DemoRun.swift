import Glibc
import Logging
import Millpond
import Synchronization

/// One run of the demo: a fleet, a folder, and the wait until every job has ended.
struct DemoRun: Sendable {
    let plan: DemoPlan
    let terminal: Terminal
    let stopSwitch: StopSwitch
    let clock: LocalClock
    private let pond: Pond
    private let queue: Queue
    private let documents: DocumentStore

    /// How long nothing may move before the run is given up.
    private static let patience = Duration.seconds(60)
    private static let lookInterval = Duration.milliseconds(200)

    init(_ plan: DemoPlan, on terminal: Terminal, _ stopSwitch: StopSwitch, clock: LocalClock = .system) throws {
        self.plan = plan
        self.terminal = terminal
        self.stopSwitch = stopSwitch
        self.clock = clock
        pond = Pond(try RedisConfiguration(url: plan.redisURL), logger: .quiet)
        queue = try pond.queue(Ingest.queue)
        documents = DocumentStore(path: plan.rowsFile)
    }

    /// Runs the demo to its end.
    ///
    /// - Throws: `CommandFailure`: `conflict` when the queue is not empty, `timedOut` when nothing moves any more,
    ///   `interrupted` when somebody stopped it.
    func run() async throws -> DemoResult {
        try await prepare()
        let news = FleetNews()
        let supervisor = Supervisor(try plan.fleet(), logger: .quiet, onEvent: news.note)
        stopSwitch.attach(.init(stop: { supervisor.stop() }, stopNow: { supervisor.stopNow() }))
        let result = try await withThrowingTaskGroup(of: DemoResult?.self) { group in
            group.addTask {
                try await supervisor.run()
                return nil
            }
            group.addTask {
                defer { supervisor.stop() }
                return try await drive(supervisor, news)
            }
            var result: DemoResult?
            while let ended = try await group.next() { result = ended ?? result }
            return result
        }
        guard var result else { throw interrupted }
        try await add(to: &result)
        try await documents.close()
        await pond.close()
        return result
    }

    private var interrupted: CommandFailure { CommandFailure(.interrupted, "the demo was stopped before its end") }

    // MARK: - Before and after

    private func prepare() async throws {
        if !plan.keeps {
            if plan.hasOwnRedis { _ = try await pond.redis.send(RedisCommand("FLUSHALL")) }
            for suffix in ["", "-wal", "-shm"] { unlink(plan.rowsFile + suffix) }
        }
        try await pond.installLibrary()
        let depth = try await queue.depth()
        guard plan.keeps || depth.ready + depth.inFlight + depth.held + depth.dead == 0 else {
            throw CommandFailure(
                .conflict, "the queue \(queue.name) already holds jobs",
                hint: "let them end first, use another Redis, or take them with you by --keep"
            )
        }
    }

    private func add(to result: inout DemoResult) async throws {
        result.totals = try await documents.totals()
        result.answers = try await documents.answers()
        result.fingerprint = try await documents.fingerprint()
        guard plan.verifies else { return }
        terminal.say("counting the same files with find, zcat and wc …")
        result.check = RowCheck(result.totals, try await IndependentCount.run(plan.input))
    }

    // MARK: - The run

    private func drive(_ supervisor: Supervisor, _ news: FleetNews) async throws -> DemoResult {
        var journal = JournalTally(queue, on: pond)
        try await journal.skip()
        let doneBefore = try await queue.depth().done
        var chaos = plan.isChaos ? Chaos(clock) : nil
        var progress = DemoProgress(on: terminal, clock: clock)
        defer { progress.finish() }
        var result = DemoResult()
        let started = clock.now()
        var stillness = Stillness(clock.now())
        result.files = try await feed(&result)
        while true {
            try checkWorkers(news)
            if let victim = chaos?.strike(supervisor.snapshot()) { progress.say("killed the worker \(victim)") }
            let depth = try await queue.depth()
            try await journal.update()
            result.done = depth.done - doneBefore
            (result.retries, result.recoveries) = (journal["retried"], journal["reclaimed"])
            result.kills = chaos?.kills ?? 0
            let rows = try await documents.progress()
            show(&progress, result, rows)
            if let chaos, chaos.kills < Chaos.killsMin, depth.ready < IngestLimits.enqueueBatchMax {
                _ = try await feed(&result)
            } else if depth.ready + depth.inFlight + depth.held == 0 {
                chaos?.isOn = false
                let revived = plan.isChaos ? try await revive() : 0
                result.revived += revived
                if revived == 0 { break }
            }
            try stillness.check(depth, rows.documents + rows.linked, at: clock.now())
            try await clock.sleep(Self.lookInterval)
        }
        result.elapsed = clock.now() - started
        result.dead = try await deadByCause()
        return result
    }

    private func feed(_ result: inout DemoResult) async throws -> Int {
        let (files, obstacles) = try await FolderFeeder(queue, clock: clock).feed(plan.input)
        if result.rounds == 0 { WalkCommand.warn(of: obstacles, on: terminal) }
        result.rounds += 1
        return files
    }

    private func show(_ progress: inout DemoProgress, _ result: DemoResult, _ rows: (documents: Int, linked: Int)) {
        var facts = [("texts linked", rows.linked), ("retries", result.retries), ("recoveries", result.recoveries)]
        if plan.isChaos { facts.append(("kills", result.kills)) }
        progress.show(rows.documents, of: result.files, jobs: result.done, facts.map { (name: $0.0, count: $0.1) })
    }

    private func checkWorkers(_ news: FleetNews) throws {
        if stopSwitch.isStopping { throw interrupted }
        if let trouble = news.trouble {
            throw CommandFailure(
                .failure, "the workers keep ending: \(trouble)",
                hint: "run one by hand and read what it says: MILLPOND_REDIS_URL=… ingest worker"
            )
        }
    }

    // MARK: - The dead

    /// Three workers of a job died by chance, not by its fault: what a person would do once the kills are over.
    private func revive() async throws -> Int {
        let poisoned = try await queue.dead(limit: Limits.deadBatchMax, cause: "poison")
        guard !poisoned.isEmpty else { return 0 }
        return try await queue.revive(poisoned.map(\.id)).count { $0 == .enqueued }
    }

    private func deadByCause() async throws -> [(cause: String, jobs: Int)] {
        let dead = try await queue.dead(limit: 1_000)
        return Dictionary(grouping: dead, by: \.cause).map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }

    /// Notices when nothing moves any more.
    private struct Stillness {
        private var last = [0]
        private var since: ContinuousClock.Instant

        init(_ now: ContinuousClock.Instant) {
            since = now
        }

        mutating func check(_ depth: Depth, _ rows: Int, at now: ContinuousClock.Instant) throws(CommandFailure) {
            let present = [depth.ready, depth.inFlight, depth.held, depth.done, depth.added, rows]
            if present != last { (last, since) = (present, now) }
            guard now - since > DemoRun.patience else { return }
            throw CommandFailure(
                .timedOut,
                "no job has ended for \(DemoRun.patience.human): \(depth.ready) ready, \(depth.inFlight) in flight, "
                    + "\(depth.held) held",
                hint: "look at a worker's log: MILLPOND_REDIS_URL=… ingest worker"
            )
        }
    }
}

/// What the demo has to know of its fleet.
private final class FleetNews: Sendable {
    private let parked = Mutex<String?>(nil)

    var trouble: String? { parked.withLock { $0 } }

    @Sendable func note(_ event: FleetEvent) {
        guard case .parked(_, let reason) = event else { return }
        parked.withLock { $0 = "\(reason.exits) ends within \(reason.window.human), the last was \(reason.lastExit)" }
    }
}
