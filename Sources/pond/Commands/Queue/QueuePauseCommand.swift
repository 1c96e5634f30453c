import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond queue pause`: workers stop fetching from a queue.
struct QueuePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop workers from fetching from a queue.",
        discussion: """
            Jobs in flight go on, and jobs can still be enqueued. It holds until `pond queue resume`. A queue that is \
            paused already keeps its reason, unless another is given.
            """
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
                let wasPaused = try await queue.depth().isPaused
                let before = wasPaused ? try await queue.pauseReason() ?? "" : ""
                let isKept = wasPaused && (reason.isEmpty || reason == before)
                if !isKept { try await queue.pause(reason: reason) }
                let now = isKept ? before : reason
                if output.json {
                    return try terminal.print(QueueDocument.state("paused", of: queue.name, reason: now))
                }
                try terminal.print(
                    wasPaused
                        ? QueuePauseCommand.again(queue.name, before: before, now: now)
                        : "paused \(queue.name); workers hear it within 2s, jobs in flight go on"
                )
            }
        }
    }

    /// What a second pause says: whose reason it took the place of.
    private static func again(_ queue: QueueName, before: String, now: String) -> String {
        let old = before.isEmpty ? "without a reason" : "\"\(SafeText.escaped(before))\""
        guard before != now else { return "\(queue) was paused already, \(old)" }
        return "\(queue) was paused already, \(old); the reason is now \"\(SafeText.escaped(now))\""
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
