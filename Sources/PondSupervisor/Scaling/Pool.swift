import Glibc
import Logging
import PondCore
import PondProcess
import PondQueue
import PondScaling
import Synchronization

/// The workers of one queue on this host: a supervisor whose size somebody decides.
final class Pool: Sendable {
    let configuration: PoolConfiguration
    let supervisor: Supervisor
    let watch: PoolWatch
    private let name: String
    private let memory: MemoryGuard
    private let target: Mutex<Int>
    private let logger: Logger

    /// - Parameters:
    ///   - host: the supervisor's name in its fleet, which workers say with every beat.
    ///   - workersMax: how many there may be at most.
    init(
        _ configuration: PoolConfiguration,
        host: String,
        workersMax: Int,
        clock: LocalClock,
        logger: Logger,
        output: WorkerOutput,
        onEvent: @escaping @Sendable (FleetEvent) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        name = host
        target = Mutex(0)
        let watch = PoolWatch(clock: clock)
        let memory = MemoryGuard(configuration, logger: logger)
        self.memory = memory
        supervisor = Supervisor(
            Pool.fleet(configuration, host: host, workersMax: workersMax),
            clock: clock,
            logger: logger,
            output: output
        ) { event in
            watch.note(event)
            memory.note(event)
            onEvent(event)
        }
        self.watch = watch
    }

    private static func fleet(
        _ configuration: PoolConfiguration,
        host: String,
        workersMax: Int
    ) -> FleetConfiguration {
        var command = configuration.command
        command.fleet = [
            WorkerEnvironment.supervisor: host,
            WorkerEnvironment.queue: configuration.queue,
            WorkerEnvironment.slots: "\(configuration.policy.slots)",
        ]
        if !configuration.limitedBy.isEmpty {
            command.fleet[WorkerEnvironment.limitedBy] =
                configuration.limitedBy.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(
                    separator: "\n"
                )
        }
        return FleetConfiguration(
            workers: 0,
            workersMax: workersMax,
            command: command,
            gracePeriod: configuration.gracePeriod,
            restart: RestartPolicy.Configuration(exitsBeforeParking: 5)
        )
    }

    /// How many workers there should be, as far as this host was told.
    var wanted: Int { target.withLock { $0 } }

    /// Has so many workers from now on; of those that are too many, the idle go first, and none is started after `until`.
    func resize(to workers: Int, running: [Int32: Int], until: LocalInstant) {
        target.withLock { $0 = workers }
        supervisor.resize(to: workers, running: running, startsUntil: until)
    }

    /// The pool as its fleet sees it.
    var report: PoolReport {
        var report = PoolReport(spawnSeconds: watch.spawnSeconds)
        for status in supervisor.snapshot() {
            switch status.state {
            case .starting:
                report.running += 1
                report.starting += 1
            case .ready: report.running += 1
            case .draining: report.draining += 1
            case .parked: report.isCrashLooping = true
            case .backoff, .stopped: break
            }
        }
        report.isCrashLooping = report.isCrashLooping || watch.isCrashLooping
        return report
    }

    /// The processes that take jobs.
    var pids: [Int32] { supervisor.snapshot().compactMap(\.workerPID) }

    /// Replaces the worker that has grown too large or has run too many jobs, one at a time: the rest go on.
    ///
    /// - Parameter load: nil when the queue could not be measured.
    func recycle(_ load: QueueLoad?) {
        memory.sweep()
        if let load { watch.note(jobsEnded: load.ended(of: name).values.reduce(0, +)) }
        let statuses = supervisor.snapshot()
        guard !statuses.contains(where: { $0.state == .draining || $0.state == .starting }) else { return }
        let ready = statuses.filter { $0.state == .ready }.compactMap(\.workerPID)
        if let most = configuration.memoryMax,
            let large = ready.first(where: { SmallFile.residentMemory(of: $0) ?? 0 > most })
        {
            logger.notice(
                "worker has reached its memory limit and is replaced after its jobs",
                metadata: [
                    "pid": "\(large)", "queue": "\(configuration.queue)", "limit_bytes": "\(most)",
                    "resident_bytes": "\(SmallFile.residentMemory(of: large) ?? 0)",
                ]
            )
            return supervisor.recycle(large)
        }
        guard let most = configuration.jobsMax, let ended = load?.ended(of: name),
            let used = ready.first(where: { ended[$0] ?? 0 >= most })
        else { return }
        logger.info(
            "worker has run its number of jobs and is replaced after those that run",
            metadata: ["pid": "\(used)", "queue": "\(configuration.queue)", "jobs": "\(ended[used] ?? 0)"]
        )
        supervisor.recycle(used)
    }
}
