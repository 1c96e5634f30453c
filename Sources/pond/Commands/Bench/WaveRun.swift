import Glibc
import Millpond
import PondCore
import PondFleet
import PondQueue
import PondRedis
import PondScaling
import PondSupervisor
import Synchronization

/// One run of waves: a fleet as large as the load needs, the load, and what they are measured by.
struct WaveRun: Sendable {
    /// How a run is shown while it goes on.
    typealias Show = @Sendable (Pond) async throws -> Void

    static let queue = "waves"
    private static let jobSeconds = 0.2
    private static let waitTarget = Duration.seconds(2)
    private static let workersMax = 8
    private static let slots = 4
    /// How often jobs are added, waits are looked at, and workers are counted: all of it well within a job's time.
    private static let pace = Duration.milliseconds(50)
    /// How long the first worker may take, and how long the last jobs.
    private static let patience = Duration.seconds(30)

    let url: String
    let seconds: Double
    let stopSignal: WakeSignal
    let clock = LocalClock.system

    /// What the parts of a run know together.
    private final class Notes: Sendable {
        let state: Mutex<WaveResult>

        init(_ result: WaveResult) {
            state = Mutex(result)
        }
    }

    /// Runs to the end, or until `show` returns or somebody stops it.
    ///
    /// - Returns: what it came to, and whether it came to its end.
    func run(_ show: @escaping Show) async throws -> (result: WaveResult, isWhole: Bool) {
        let pond = Pond(try RedisConfiguration(url: url), logger: .quiet)
        try await pond.installLibrary()
        let queue = try pond.queue(Self.queue)
        try await queue.register()
        let agent = try FleetAgent(pond, try fleet(), logger: .quiet)
        let notes = Notes(WaveResult(waitTarget: Self.waitTarget, workersMax: Self.workersMax))
        let isWhole = try await withThrowingTaskGroup(of: Bool?.self) { group in
            group.addTask {
                try await agent.run()
                return nil
            }
            group.addTask {
                defer { agent.stop() }
                return try await drive(queue, agent, notes, show)
            }
            var isWhole = false
            while let end = try await group.next() { isWhole = end ?? isWhole }
            return isWhole
        }
        var result = notes.state.withLock { $0 }
        try await complete(&result, queue)
        await pond.close()
        return (result, isWhole)
    }

    private func fleet() throws -> ScaledFleetConfiguration {
        let command = WorkerCommand(
            executable: try OwnProgram.path(),
            // Fetched ahead is not yet begun; and what workers log would lie over the picture.
            arguments: ["worker", "--prefetch", "0", "--log-level", "critical"],
            environment: ["MILLPOND_REDIS_URL": url, "MILLPOND_PREFIX": "mp"]
        )
        let policy = ScalingPolicy(
            waitTarget: Self.waitTarget,
            workersMin: 1,
            workersMax: Self.workersMax,
            slots: Self.slots,
            serviceTimeGuess: .milliseconds(200)
        )
        var fleet = ScaledFleetConfiguration(
            name: Self.queue,
            workersMax: Self.workersMax,
            pools: [PoolConfiguration(queue: Self.queue, policy: policy, command: command)]
        )
        // The jobs sleep, so a machine that is busy with something else can carry them all the same.
        fleet.host.cpuPressureMax = 1
        fleet.host.workersPerCore = Self.workersMax
        return fleet
    }

    // MARK: The parts

    private func drive(_ queue: Queue, _ agent: FleetAgent, _ notes: Notes, _ show: @escaping Show) async throws -> Bool
    {
        let pond = queue.pond
        let isWhole = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await begin(queue)
                try await measured(queue, agent, notes)
                return true
            }
            group.addTask {
                try await show(pond)
                return false
            }
            group.addTask {
                await stopSignal.wait()
                return false
            }
            let isWhole = try await group.next() ?? false
            group.cancelAll()
            // What was cancelled has nothing more to say; the screen is restored when all have ended.
            while let end = await group.nextResult() { _ = end }
            return isWhole
        }
        return isWhole
    }

    /// Waits for the first worker: a fleet at its least size is where the waves begin.
    private func begin(_ queue: Queue) async throws {
        let deadline = clock.now().advanced(by: Self.patience)
        while try await queue.depth().workers == 0 {
            guard clock.now() < deadline else {
                throw CommandFailure(
                    .timedOut,
                    "no worker has come up within \(Self.patience.human)",
                    hint: "run one by hand and read what it says: pond worker --redis '\(url)'"
                )
            }
            try await clock.sleep(Self.pace)
        }
    }

    /// Produces, and measures until the last job is done.
    private func measured(_ queue: Queue, _ agent: FleetAgent, _ notes: Notes) async throws {
        let own = queue.pond.withOwnConnection()
        let end: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await watch(try own.queue(Self.queue), own, agent, notes) }
                try await produce(to: queue, notes)
                try await drain(queue)
                group.cancelAll()
            }
            end = .success(())
        } catch {
            end = .failure(error)
        }
        await own.close()
        try end.get()
    }

    private func produce(to queue: Queue, _ notes: Notes) async throws {
        let shape = WaveShape(seconds: seconds)
        let job = NewJob(kind: try JobKind(SleepJob.kind), data: Array("{\"seconds\":\(Self.jobSeconds)}".utf8))
        let start = clock.now()
        var last = 0.0
        var owed = 0.0
        while last < seconds {
            try await clock.sleep(Self.pace)
            let time = min(start.duration(to: clock.now()).inSeconds, seconds)
            owed += shape.due(from: last, to: time)
            last = time
            let count = min(Int(owed), Limits.enqueueBatchMax)
            guard count > 0 else { continue }
            for answer in try await queue.enqueue([NewJob](repeating: job, count: count)) { _ = try answer.get() }
            owed -= Double(count)
            notes.state.withLock { $0.jobs += count }
        }
    }

    private func drain(_ queue: Queue) async throws {
        let deadline = clock.now().advanced(by: Self.patience)
        while clock.now() < deadline {
            let depth = try await queue.depth()
            if depth.ready + depth.inFlight + depth.held == 0 { return }
            try await clock.sleep(Self.pace)
        }
    }

    /// Looks at waits and workers until it is cancelled.
    private func watch(_ queue: Queue, _ pond: Pond, _ agent: FleetAgent, _ notes: Notes) async throws {
        let shape = WaveShape(seconds: seconds)
        var waits = WaveWaits(try pond.queue(Self.queue))
        let start = clock.now()
        var last = start
        while !Task.isCancelled {
            do { try await clock.sleep(Self.pace) } catch { return }
            try await waits.update()
            let now = clock.now()
            let workers = agent.snapshot().values.joined().count { $0.pid != nil }
            let point = WaveResult.Point(rate: shape.rate(at: (now - start).inSeconds), workers: workers)
            let (pause, seen) = (now - last, waits.all)
            notes.state.withLock { result in
                result.take(point, after: pause)
                (result.waits, result.elapsed) = (seen, now - start)
            }
            last = now
        }
    }

    /// What is known only when all have stopped.
    private func complete(_ result: inout WaveResult, _ queue: Queue) async throws {
        result.done = try await queue.depth().done
        let decisions = try await queue.pond.fleet(Self.queue).decisions(limit: 10_000)
        result.decisions = (decisions.count { $0.to > $0.from }, decisions.count { $0.to < $0.from })
        result.handedBack = try await handedBack(in: queue)
    }

    private func handedBack(in queue: Queue) async throws -> Int {
        var (count, start) = (0, "-")
        while true {
            let page = try await queue.journal(.oldestFirst, from: start, to: "+", atMost: 1_000)
            count += page.flatMap(\.events).count { $0.what == .released || $0.what == .reclaimed }
            guard page.count == 1_000, let last = page.last else { return count }
            start = "(\(last.id)"
        }
    }
}
