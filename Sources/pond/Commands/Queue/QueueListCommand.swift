import ArgumentParser
import Millpond
import PondInsight
import PondCore
import PondQueue

/// `pond queue list`: the known queues.
struct QueueListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the queues that a worker or a producer of the library has used."
    )

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                var statuses: [QueueStatus] = []
                for queue in try await QueueLookup(pond: pond).queues(nil) {
                    statuses.append(try await QueueStatus.read(queue))
                }
                if output.json {
                    return try terminal.print(
                        JSONDocument(kind: "QueueList", items: statuses.map { JSONValue(encoding: $0) })
                    )
                }
                guard !statuses.isEmpty else {
                    return terminal.say("no queue is known yet; a queue begins with its first job or worker")
                }
                try terminal.print(QueueStatus.table(statuses).text(for: terminal))
            }
        }
    }
}
