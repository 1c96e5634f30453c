import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond queue pause`: workers stop fetching from a queue.
struct QueuePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop workers from fetching from a queue.",
        discussion: "Jobs in flight go on, and jobs can still be enqueued. It holds until `pond queue resume`."
    )

    @Argument(help: "The queue's name.")
    var name: String

    @Option(help: ArgumentHelp("Why, for people; at most 1 KiB.", valueName: "text"))
    var reason = ""

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard reason.utf8.count <= 1_024 else {
            throw ValidationError("--reason has \(reason.utf8.count) bytes, allowed are 1024")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queue = try await QueueLookup(pond: pond).existing(name)
                try await queue.pause(reason: reason)
                if output.json {
                    return try terminal.print(QueueDocument.state("paused", of: queue.name, reason: reason))
                }
                try terminal.print(
                    "paused \(queue.name); workers hear it within 2s, jobs in flight go on"
                )
            }
        }
    }
}

/// What `queue pause` and `queue resume` answer to programs.
enum QueueDocument {
    static func state(_ state: String, of queue: QueueName, reason: String? = nil) -> JSONDocument {
        JSONDocument(
            kind: "QueueState",
            [("queue", .string(queue.text)), ("state", .string(state)), ("reason", .text(reason))]
        )
    }
}
