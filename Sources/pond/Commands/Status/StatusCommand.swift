import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondRedis

/// `pond status`: one line that says how it stands, and a table of the queues.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how the queues stand: one line with what is worst, then a table.",
        discussion: """
            The line names what is worst, with what to do, and then what else wants a person: a key of another type, dead \
            jobs that were thrown away, jobs that nobody serves or can read, workers that stopped fetching, a queue that is \
            behind or paused, sagas that are stuck or paused, dead and expired jobs, memory that runs short.
            The exit code is 0 whatever it says; with --check it is 8 unless all is well. `pond doctor` checks more.
            """
    )

    @Option(help: ArgumentHelp("Only this queue; may be repeated.", valueName: "name"))
    var queue: [String] = []

    @Flag(help: "Show it again and again, until it is stopped.")
    var watch = false

    @Option(
        help: ArgumentHelp("How often to look with --watch. Defaults to 2s.", valueName: "duration"),
        transform: Duration.argument
    )
    var every: Duration?

    @Flag(help: "End with 8 when anything wants a person.")
    var check = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    /// A walk through the keys is worth doing so often while it is shown again and again.
    private static let walkEvery = Duration.seconds(30)

    func validate() throws {
        if check, watch { throw ValidationError("--check looks once, --watch again and again: give one of them") }
        if let every, every < .milliseconds(100) {
            throw ValidationError("--every \(every.human) is too often; 100ms is the least")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let report = try await StatusReader(pond).read(queue)
                try show(report, on: terminal)
                if watch { try await showAgain(pond, on: terminal) }
                if check, !report.isWell { throw ExitCode(ExitCodes.checkFailed.rawValue) }
            }
        }
    }

    private func showAgain(_ pond: Pond, on terminal: Terminal) async throws {
        let (reader, clock) = (StatusReader(pond), LocalClock.system)
        var (keys, walked) = (StrayKeys(), LocalInstant?.none)
        while true {
            try await clock.sleep(every ?? .seconds(2))
            do {
                if queue.isEmpty, walked.map({ clock.now() - $0 > Self.walkEvery }) ?? true {
                    (keys, walked) = (try await StrayKeys.readIfAllowed(pond), clock.now())
                }
                try show(try await reader.read(queue, keys: keys), on: terminal)
            } catch {
                // An outage is what somebody who watches wants to see, and its end too.
                guard error is QueueError || error is RedisError else { throw error }
                CommandFailure(describing: error).report(on: terminal, asJSON: output.json)
            }
        }
    }

    private func show(_ report: StatusReport, on terminal: Terminal) throws {
        if output.json { return try terminal.print(report.document) }
        let isRepaint = watch && terminal.traits.isOutputTTY
        try terminal.print((isRepaint ? "\u{1b}[H\u{1b}[2J" : "") + report.text(for: terminal))
    }
}
