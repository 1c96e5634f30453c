import Millpond
import PondSupervisor

/// What a run of the demo is to do.
struct DemoPlan: Sendable {
    /// The folder, as `FolderFeeder.root(_:)` gives it.
    var input: String
    var workers: Int
    var isChaos: Bool
    /// Keeps the queue and the rows of the last run.
    var keeps: Bool
    var verifies: Bool
    /// Where the rows and the private Redis are.
    var directory: String
    /// Whether the Redis is this run's own.
    var hasOwnRedis: Bool
    /// The URL that the workers are given.
    var redisURL: String

    var rowsFile: String { "\(directory)/rows.sqlite" }

    /// The fleet: this program's own `worker`.
    func fleet() throws(CommandFailure) -> FleetConfiguration {
        var fleet = FleetConfiguration(
            workers: workers,
            command: WorkerCommand(
                executable: try OwnProgram.path(),
                arguments: ["worker", "--log-level", "error"],
                environment: ["MILLPOND_REDIS_URL": redisURL, "MILLPOND_PREFIX": "mp", RowsFile.variable: rowsFile]
            )
        )
        // Killed on purpose is no crash loop: a victim is replaced at once, as often as it takes.
        if isChaos {
            fleet.restart.exitsBeforeParking = 100_000
            fleet.restart.backoff = Backoff(base: .milliseconds(10), cap: .milliseconds(10), jitter: 0)
        }
        return fleet
    }
}
