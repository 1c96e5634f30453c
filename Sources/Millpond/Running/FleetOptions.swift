package import ArgumentParser
import PondCore
package import PondSupervisor
import PondWorker

/// The workers that a program keeps alive: a fixed number, or as many as the load needs.
package enum FleetKind: Sendable {
    /// With the queues that its workers serve; none when only another program knows them.
    case fixed(FleetConfiguration, queues: [String])
    case scaled(ScaledFleetConfiguration)
}

/// How many workers there are and what they run.
package struct FleetOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "How many worker processes are kept alive, 1 to 512. Defaults to 2. Not with --wait-target.",
            valueName: "count"
        )
    )
    package var workers: Int?

    @OptionGroup package var scaling: ScalingOptions

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("After --: another program to run as the worker, instead of this one.", valueName: "command")
    )
    package var command: [String] = []

    package init() {}

    /// How many workers there are when the number is fixed.
    package var workersFixed: Int { workers ?? 2 }

    /// The fleet that these options ask for, fixed or scaled.
    ///
    /// - Throws: as `configuration(of:_:_:)`, and `CommandFailure` for options that exclude each other.
    package func kind<App: MillpondApp>(
        of app: App.Type,
        _ worker: WorkerOptions,
        _ redis: RedisOptions
    ) throws -> FleetKind {
        guard scaling.isOn else {
            let queues = command.isEmpty ? worker.configuration(of: app).queues : []
            return .fixed(try configuration(of: app, worker, redis), queues: queues)
        }
        if workers != nil {
            throw CommandFailure(
                .usage,
                "--workers keeps a fixed number, and --wait-target lets the load decide",
                hint: "give --min and --max instead of --workers"
            )
        }
        if !command.isEmpty, worker.queue.isEmpty {
            throw CommandFailure(
                .usage,
                "--wait-target needs to know the queue of the program that is named after --",
                hint: "add --queue NAME; the program is told by the environment (MILLPOND_QUEUE)"
            )
        }
        let patience = worker.configuration(of: app)
        var own = worker
        // Each pool's workers hear their queue and slots from the fleet.
        own.queue = []
        own.slots = nil
        let base = try FleetOptions.fixed(workerCommand(own, redis), patience)
        _ = try Worker(try redis.makePond(), jobs: JobList { NoJob() }, configuration: patience)
        let fleet = scaling.configuration(queues: patience.queues, slots: patience.slots, base)
        try fleet.validate()
        return .scaled(fleet)
    }

    private static func fixed(_ command: WorkerCommand, _ patience: WorkerConfiguration) -> FleetConfiguration {
        FleetConfiguration(
            workers: 1,
            command: command,
            // A worker needs all of its own patience, and a moment to hand back and leave.
            gracePeriod: patience.gracePeriod + patience.stuckGrace + .seconds(5)
        )
    }

    /// The fixed fleet that these options ask for.
    ///
    /// - Parameters:
    ///   - app: whose worker it is; its patience bounds the supervisor's.
    ///   - redis: where the workers find Redis; the URL goes by the environment, which other users cannot read.
    /// - Throws: `CommandFailure`, `PondError` or `SupervisorError` for what every single worker would refuse.
    package func configuration<App: MillpondApp>(
        of app: App.Type,
        _ worker: WorkerOptions,
        _ redis: RedisOptions
    ) throws -> FleetConfiguration {
        let patience = worker.configuration(of: app)
        // Connects nothing and runs nothing: what it refuses is told here once, not by every worker again and again.
        _ = try Worker(try redis.makePond(), jobs: JobList { NoJob() }, configuration: patience)
        var fleet = FleetOptions.fixed(try workerCommand(worker, redis), patience)
        fleet.workers = workersFixed
        try fleet.validate()
        return fleet
    }

    private func workerCommand(
        _ worker: WorkerOptions,
        _ redis: RedisOptions
    ) throws(CommandFailure) -> WorkerCommand {
        var environment: [String: String] = [:]
        if let url = redis.redis { environment["MILLPOND_REDIS_URL"] = url }
        if let prefix = redis.prefix { environment["MILLPOND_PREFIX"] = prefix }
        if let executable = command.first {
            if let option = worker.firstForOwnWorker {
                throw CommandFailure(
                    .usage,
                    "\(option) is for this program's own worker, and another one is named after --",
                    hint:
                        "give it to that one, as in -- \(SafeText.escaped(command.joined(separator: " "))) \(option) …"
                )
            }
            let arguments = Array(command.dropFirst())
            let own = WorkerCommand(executable: executable, arguments: arguments, environment: environment)
            // Told here once, instead of by every worker that does not start, again and again.
            if let obstacle = own.obstacle {
                throw CommandFailure(
                    .notFound,
                    "the workers' program cannot be started: \(SafeText.escaped(obstacle))",
                    hint: "after -- comes a program of this host and its arguments, as in -- python3 worker.py"
                )
            }
            return own
        }
        var arguments = ["worker"] + worker.arguments
        if let timeout = redis.timeout { arguments += ["--timeout", "\(timeout.wholeMilliseconds)ms"] }
        return WorkerCommand(executable: try OwnProgram.path(), arguments: arguments, environment: environment)
    }
}

/// Stands for the handlers that only a worker has.
private struct NoJob: JobHandler {
    static let kind = "none"

    func run(_ payload: RawPayload, _ job: JobContext) async throws {}
}
