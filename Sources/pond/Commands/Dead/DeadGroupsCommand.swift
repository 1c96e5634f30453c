import ArgumentParser
import Millpond
import PondInsight
import PondQueue

/// `pond dead groups`: the dead by root cause.
struct DeadGroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups",
        abstract: "List the dead by root cause: how many, since when, of which kinds.",
        discussion: "Ignored groups and those without dead are left out unless --all is given."
    )

    @Option(help: ArgumentHelp("Only this queue.", valueName: "name"))
    var queue: String?

    @Flag(help: "Ignored groups, and those that have no dead left, too.")
    var all = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let view = try await DeadGroupListing.read(try await QueueLookup(pond: pond).queues(queue), all: all)
                if output.json { return try terminal.print(view.document) }
                try terminal.print(view.text(for: terminal))
                if view.hidden > 0 { terminal.say("\(view.hidden.of("more group")) with --all") }
            }
        }
    }
}
