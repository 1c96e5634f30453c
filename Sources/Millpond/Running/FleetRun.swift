package import Logging
import PondSupervisor

/// A fleet under the signals of a program.
package enum FleetRun {
    /// Supervises until the switch stops it and every worker has ended.
    package static func run(
        _ kind: FleetKind,
        _ redis: RedisOptions,
        _ stopSwitch: StopSwitch,
        _ logger: Logger
    ) async throws {
        switch kind {
        case .fixed(let configuration): try await run(Supervisor(configuration, logger: logger), stopSwitch)
        case .scaled(let configuration):
            try await redis.withPond(logger: logger) { pond in
                try await run(try FleetAgent(pond, configuration, logger: logger), stopSwitch)
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
