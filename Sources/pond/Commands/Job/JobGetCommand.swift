import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond job get`: where a job is and what is stored of it.
struct JobGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show where a job is, since when, and what is stored of it.",
        discussion: "Without a queue the id is looked for in all known ones. A job that ended leaves no record."
    )

    @OptionGroup var job: JobChoice
    @Flag(help: "Show the whole payload, not its first 4 KiB.")
    var full = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (queue, report) = try await job.find(on: pond)
                let view = try await JobView.read(queue, report)
                if output.json { return try terminal.print(view.document) }
                try terminal.print(view.text(for: terminal, payloadBytesMax: full ? nil : JobView.payloadBytesShown))
            }
        }
    }
}
