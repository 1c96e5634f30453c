import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond queue get`: one queue, its workers and the causes of its dead.
struct QueueGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show one queue: what it holds, who serves it, what its dead jobs died of."
    )

    @Argument(help: "The queue's name.")
    var name: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let view = try await QueueView.read(try await QueueLookup(pond: pond).existing(name))
                if output.json { return try terminal.print(view.document) }
                try terminal.print(view.text(for: terminal))
            }
        }
    }
}
