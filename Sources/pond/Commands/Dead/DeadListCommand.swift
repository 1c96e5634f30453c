import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond dead list`: the causes, then the jobs, newest first.
struct DeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the causes of the dead and the newest dead jobs.",
        discussion: "With --cause, the newest 10000 of each queue are searched."
    )

    @Option(help: ArgumentHelp("Only this queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Only jobs with this cause, as in attempts_exhausted.", valueName: "cause"))
    var cause: String?

    @Option(help: ArgumentHelp("How many jobs at most, 1 to 1000.", valueName: "n"))
    var limit = 20

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000, not \(limit)") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let list = try await DeadList.read(
                    try await QueueLookup(pond: pond).queues(queue),
                    cause: cause,
                    limit: limit
                )
                if output.json { return try terminal.print(list.document) }
                try terminal.print(list.text(for: terminal))
                if let rest = list.rest { terminal.say(rest) }
            }
        }
    }
}
