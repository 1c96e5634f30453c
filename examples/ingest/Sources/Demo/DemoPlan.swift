import Millpond

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

/// What a run of the demo came to.
struct DemoResult: Sendable {
    /// Files that the walk found.
    var files = 0
    /// How often the folder was enqueued; more than once only to have work for `Chaos.killsMin` kills.
    var rounds = 0
    var elapsed = Duration.zero
    /// Jobs of both kinds that ended well, second runs included.
    var done = 0
    var retries = 0
    var recoveries = 0
    var kills = 0
    /// Jobs that lost three workers, were dead by that, and were sent back when the kills were over.
    var revived = 0
    var dead: [(cause: String, jobs: Int)] = []
    var totals = DocumentTotals()
    var answers = DocumentAnswers()
    var fingerprint = ""
    var check: RowCheck?

    var jobsPerSecond: Double { elapsed > .zero ? Double(done) / elapsed.inSeconds : 0 }
    /// Files without a row and texts without their links, which no dead job accounts for.
    var lost: Int {
        let missing = max(0, files - totals.allFiles) + totals.count(.text) - totals.linked
        return max(0, missing - dead.reduce(0) { $0 + $1.jobs })
    }
    var isGood: Bool { lost == 0 && check?.isEqual != false }
}
