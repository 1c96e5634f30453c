package import Logging
import PondQueue
import PondSupervisor

/// A fleet under the signals of a program.
package enum FleetRun {
    /// Supervises until the switch stops it and every worker has ended.
    ///
    /// - Parameters:
    ///   - metrics: whether and where the supervisor serves its metrics.
    ///   - limits: set while the fleet starts. Defaults to none.
    ///   - version: the program's, for its metrics. Defaults to none.
    package static func run(
        _ kind: FleetKind,
        _ redis: RedisOptions,
        _ stopSwitch: StopSwitch,
        _ logger: Logger,
        metrics: MetricsOptions,
        limits: [LimitDefinition] = [],
        version: String = ""
    ) async throws {
        try await redis.check()
        let registry = metrics.start(version: version)
        let counts = registry.map { WorkerCounts($0) }
        let pipe = try counts.map { counts in try CountsPipe { counts.take($0) } }
        defer { pipe?.close() }
        let kind = kind.telling(pipe?.address)
        try await redis.withPond(logger: logger) { pond in
            // Beside the workers: they are to start also while Redis is away.
            async let _ = seeToLibrary(of: pond, logger)
            async let _ = LimitDefinition.set(limits, on: pond, logger)
            switch kind {
            case .fixed(let configuration, let queues):
                let fleet = FleetMetrics(queues: queues, name: nil, pond: pond, counts: counts, logger: logger)
                let supervisor = Supervisor(configuration, logger: logger) {
                    fleet.note($0, of: FleetMetrics.label(queues))
                }
                let workers = { @Sendable in [FleetMetrics.label(queues): supervisor.snapshot()] }
                fleet.workers(workers)
                let health = FleetHealth(pond, stopSwitch, workers: workers) {
                    await supervisor.answers(within: HealthLimits.answer)
                }
                try await metrics.serving(registry, logger, health: health.health, fleet.look) {
                    try await run(supervisor, stopSwitch)
                }
            case .scaled(let configuration):
                let queues = configuration.pools.map(\.queue)
                let fleet = FleetMetrics(
                    queues: queues,
                    name: configuration.name,
                    pond: pond,
                    counts: counts,
                    logger: logger
                )
                let agent = try FleetAgent(
                    pond,
                    configuration,
                    logger: logger,
                    onEvent: { fleet.note($1, of: $0) },
                    onLook: { fleet.note($0) }
                )
                fleet.workers { agent.snapshot() }
                let health = FleetHealth(pond, stopSwitch, workers: { agent.snapshot() }) {
                    await agent.answers(within: HealthLimits.answer, lookAge: HealthLimits.beatAge)
                }
                try await metrics.serving(registry, logger, health: health.health, fleet.look) {
                    try await run(agent, stopSwitch)
                }
            }
        }
    }

    private static func run(_ supervisor: Supervisor, _ stopSwitch: StopSwitch) async throws {
        stopSwitch.attach(
            .init(
                stop: { supervisor.stop() },
                stopNow: { supervisor.stopNow() },
                reload: { supervisor.rollingRestart() }
            )
        )
        try await StartPages.released { try await supervisor.run() }
    }

    private static func run(_ agent: FleetAgent, _ stopSwitch: StopSwitch) async throws {
        stopSwitch.attach(
            .init(stop: { agent.stop() }, stopNow: { agent.stopNow() }, reload: { agent.rollingRestart() })
        )
        try await StartPages.released { try await agent.run() }
    }
}

extension FleetKind {
    /// The same, with workers that tell what they count.
    ///
    /// - Parameter address: of a `CountsPipe`; nil when nobody wants to know.
    fileprivate func telling(_ address: String?) -> FleetKind {
        switch self {
        case .fixed(var configuration, let queues):
            configuration.command.metrics = address
            return .fixed(configuration, queues: queues)
        case .scaled(var configuration):
            for index in configuration.pools.indices { configuration.pools[index].command.metrics = address }
            return .scaled(configuration)
        }
    }
}

extension FleetRun {
    fileprivate static func seeToLibrary(of pond: Pond, _ logger: Logger) async {
        do throws(QueueError) { try await pond.seeToLibrary() } catch {
            // The workers see to it as well, and say so themselves when they cannot work.
            logger.warning("the server's function library was not looked at", metadata: ["error": "\(error)"])
        }
    }
}
