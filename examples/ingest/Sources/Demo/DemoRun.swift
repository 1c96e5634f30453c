import Glibc
import Logging
import Millpond
import PondSupervisor

/// One run of the demo: a fleet, a folder, the wait until every job has ended, and the count of what is left.
struct DemoRun: Sendable {
    let plan: DemoPlan
    let terminal: Terminal
    let stopSwitch: StopSwitch
    let clock: LocalClock
    let pond: Pond
    let queue: Queue
    let documents: DocumentStore

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
                var drive = DemoDrive(self, supervisor, news)
                return try await drive.run()
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

    /// What a stop by the user is.
    var interrupted: CommandFailure { CommandFailure(.interrupted, "the demo was stopped before its end") }

    private func prepare() async throws {
        if plan.hasOwnRedis, !plan.keeps { _ = try await pond.makeReader().send(RedisCommand("FLUSHALL")) }
        try await pond.installLibrary()
        let depth = try await queue.depth()
        guard plan.keeps || depth.ready + depth.inFlight + depth.held + depth.dead == 0 else {
            throw CommandFailure(
                .conflict,
                "the queue \(queue.name) already holds jobs",
                hint: "let them end first, use another Redis, or take them with you by --keep"
            )
        }
        if plan.keeps { return }
        for suffix in ["", "-wal", "-shm"] { unlink(plan.rowsFile + suffix) }
    }

    private func add(to result: inout DemoResult) async throws {
        result.totals = try await documents.totals()
        result.answers = try await documents.answers()
        result.fingerprint = try await documents.fingerprint()
        guard plan.verifies else { return }
        terminal.say("counting the same files with find, zcat and wc …")
        let count = try await untilStopped { try await IndependentCount.run(plan.input) }
        result.check = RowCheck(result.totals, count)
    }

    /// Does some work that a stop ends.
    private func untilStopped<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await work() }
            group.addTask {
                while !stopSwitch.isStopping { try await clock.sleep(DemoDrive.lookInterval) }
                throw interrupted
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw interrupted }
            return value
        }
    }
}
