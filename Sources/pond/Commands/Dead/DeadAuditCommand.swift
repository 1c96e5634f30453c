import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond dead audit`: who did what to the dead.
struct DeadAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "List what people did to many of the dead, the newest first."
    )

    @Option(help: ArgumentHelp("Only this queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("How many entries at most, 1 to 1000.", valueName: "n"))
    var limit = 50

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000, not \(limit)") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                var rows: [(queue: QueueName, entry: AuditEntry)] = []
                for queue in try await QueueLookup(pond: pond).queues(queue) {
                    rows += try await queue.auditEntries(limit: limit).map { (queue.name, $0) }
                }
                rows.sort { $0.entry.time > $1.entry.time }
                rows = Array(rows.prefix(limit))
                try terminal.print(output.json ? document(rows).text : text(rows, terminal))
            }
        }
    }

    private func text(_ rows: [(queue: QueueName, entry: AuditEntry)], _ terminal: Terminal) -> String {
        guard !rows.isEmpty else { return "Nothing was done to many of the dead." }
        var table = Table([
            .text("WHEN"), .text("WHO"), .text("WHAT"), .text("QUEUE"), .text("TARGET"), .number("JOBS"),
            .flexible("RESULT"), .flexible("REASON"),
        ])
        for (queue, entry) in rows {
            table.add([
                .text(entry.time.iso8601), .text(entry.by), .text(entry.action, .bold), .text(queue.text),
                .text(entry.target), .count(entry.jobs), .text(entry.result), .text(entry.reason),
            ])
        }
        return table.text(for: terminal)
    }

    private func document(_ rows: [(queue: QueueName, entry: AuditEntry)]) -> JSONDocument {
        JSONDocument(
            kind: "DeadAudit",
            items: rows.map { queue, entry in
                .object([
                    ("time", .time(entry.time)), ("by", .string(entry.by)), ("action", .string(entry.action)),
                    ("queue", .string(queue.text)), ("target", .string(entry.target)), ("jobs", .count(entry.jobs)),
                    ("result", .string(entry.result)), ("reason", .string(entry.reason)),
                ])
            }
        )
    }
}
