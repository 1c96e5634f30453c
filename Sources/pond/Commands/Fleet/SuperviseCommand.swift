import ArgumentParser
import Millpond
import PondSupervisor

/// `pond supervise`: a fleet of worker processes, of a fixed size or as large as the load needs.
struct SuperviseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise",
        abstract: "Keep a fleet of worker processes alive, as many as the load needs.",
        usage: """
            pond supervise --config millpond.yaml
            pond supervise --wait-target 10s --max 8 --queue <queue> -- <command> …
            pond supervise --workers <count> -- <command> …
            """,
        discussion: """
            With --config or --wait-target the number of workers follows the load, so that no job waits longer than \
            it may; several supervisors of one fleet share its workers, and `pond scale explain` says why there are so \
            many. A worker that ends is replaced; when it ends again and again, the rest before that grows. SIGTERM or \
            SIGINT drains the fleet; a second one cancels what still runs. SIGHUP replaces the workers one by one. When \
            the supervisor is killed, the workers drain by themselves.
            """
    )

    @Option(
        help: ArgumentHelp("The file of a fleet: its queues, and how long a job may wait in each.", valueName: "file")
    )
    var config: String?

    @Flag(help: "Only check the file of --config and the programs that it names, and say what it means.")
    var check = false

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var worker: WorkerOptions
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard config != nil else {
            if check { throw ValidationError("--check needs a file, as in --config millpond.yaml") }
            return
        }
        if fleet.workers != nil || fleet.scaling.isOn || !worker.queue.isEmpty {
            throw ValidationError(
                "--config says which queues and how many workers; leave out --workers, --wait-target and --queue"
            )
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let (kind, limits) = try kind()
            if check, case .scaled(let fleet) = kind { return try FleetFileView(fleet).show(on: terminal, output) }
            LogLines.start(try LogLines.level(worker.logLevel), BuiltinJobs.logHandler)
            let logger = Logger(label: "supervisor")
            let wasHurried = try await withStopSignals(hangUp: .reloads, logger) { stopSwitch in
                try await FleetRun.run(
                    kind,
                    redis,
                    stopSwitch,
                    logger,
                    metrics: worker.metrics,
                    limits: limits,
                    version: ProgramVersion.text
                )
                return stopSwitch.wasHurried
            }
            if wasHurried == true { throw ExitCode(ExitCodes.interrupted.rawValue) }
        }
    }

    private func kind() throws -> (FleetKind, [LimitDefinition]) {
        guard let config else { return (try fleet.kind(of: BuiltinJobs.self, worker, redis), []) }
        let own = try fleet.configuration(of: BuiltinJobs.self, worker, redis)
        let pool = PoolConfiguration(queue: BuiltinJobs.queue, command: own.command, gracePeriod: own.gracePeriod)
        let file = try FleetFile.read(config, own: pool)
        let fleet = file.configuration
        for pool in fleet.pools {
            guard let obstacle = pool.command.obstacle else { continue }
            throw CommandFailure(
                .notFound,
                "\(config): queue \(pool.queue) cannot have workers: \(obstacle)",
                hint: "correct its command, or install the program on this host"
            )
        }
        return (.scaled(fleet), file.limits)
    }
}
