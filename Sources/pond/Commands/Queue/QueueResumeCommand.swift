import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond queue resume`: workers fetch from a queue again.
struct QueueResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let workers fetch from a paused queue again."
    )

    @Argument(help: "The queue's name.")
    var name: String

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queue = try await QueueLookup(pond: pond).existing(name)
                let wasPaused = try await queue.depth().isPaused
                try await queue.resume()
                if output.json { return try terminal.print(QueueDocument.state("running", of: queue.name)) }
                try terminal.print(
                    wasPaused
                        ? "resumed \(queue.name); workers fetch again within a second"
                        : "\(queue.name) was not paused"
                )
            }
        }
    }
}
