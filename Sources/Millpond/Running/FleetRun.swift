package import Logging
package import PondSupervisor

/// A fleet under the signals of a program.
package enum FleetRun {
    /// Supervises until the switch stops it and every worker has ended.
    package static func run(
        _ configuration: FleetConfiguration,
        _ stopSwitch: StopSwitch,
        _ logger: Logger
    ) async throws {
        let supervisor = Supervisor(configuration, logger: logger)
        stopSwitch.attach(
            .init(
                stop: { supervisor.stop() },
                stopNow: { supervisor.stopNow() },
                reload: { supervisor.rollingRestart() }
            )
        )
        try await supervisor.run()
    }
}
