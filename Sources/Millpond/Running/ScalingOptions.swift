package import ArgumentParser
import PondCore
import PondScaling
import PondSupervisor

/// How long a job may wait, and what may be done so that it does not wait longer.
package struct ScalingOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "How long a job may wait: the number of workers then follows the load.",
            valueName: "duration"
        ),
        transform: Duration.argument
    )
    package var waitTarget: Duration?

    @Option(help: ArgumentHelp("The fewest workers with --wait-target. Defaults to 1.", valueName: "count"))
    package var min: Int?

    @Option(help: ArgumentHelp("The most workers of the fleet with --wait-target. Defaults to 10.", valueName: "count"))
    package var max: Int?

    @Option(
        help: ArgumentHelp(
            "The fleet that this host joins: supervisors of one fleet share its workers. Defaults to default.",
            valueName: "name"
        )
    )
    package var fleet: String?

    package init() {}

    /// Whether the load decides.
    package var isOn: Bool { waitTarget != nil }

    /// Refuses what means nothing without a wait target.
    package func validate() throws {
        guard waitTarget == nil else { return }
        for (name, isGiven) in [("--min", min != nil), ("--max", max != nil), ("--fleet", fleet != nil)] where isGiven {
            throw ValidationError("\(name) means nothing without --wait-target; say how long a job may wait")
        }
    }

    /// The fleet with a pool a queue.
    func configuration(queues: [String], slots: Int, _ base: FleetConfiguration) -> ScaledFleetConfiguration {
        let most = max ?? 10
        return ScaledFleetConfiguration(
            name: fleet ?? "default",
            workersMax: most,
            pools: queues.map { queue in
                PoolConfiguration(
                    queue: queue,
                    policy: ScalingPolicy(
                        waitTarget: waitTarget ?? .seconds(60),
                        workersMin: min ?? 1,
                        workersMax: most,
                        slots: slots
                    ),
                    command: base.command,
                    gracePeriod: base.gracePeriod
                )
            }
        )
    }
}
