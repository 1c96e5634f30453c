import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond dead list`: the causes, then the jobs, newest first.
struct DeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the causes of the dead and the newest dead jobs.",
        discussion: "With --cause, the newest 10000 of each queue are searched."
    )

    @OptionGroup var page: DeadPage

    @Option(help: ArgumentHelp("Only jobs with this cause, as in attempts_exhausted.", valueName: "cause"))
    var cause: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let list = try await DeadListing.read(
                    try await QueueLookup(pond: pond).queues(page.queue),
                    cause: cause,
                    limit: page.limit ?? 20
                )
                if output.json { return try terminal.print(list.document) }
                try terminal.print(list.text(for: terminal))
                if let rest = list.rest { terminal.say(rest) }
            }
        }
    }
}
