import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond dead audit`: who did what to the dead.
struct DeadAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "List what people did to groups of dead jobs, to queues and to sagas, the newest first."
    )

    @OptionGroup var page: DeadPage
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let queues = try await QueueLookup(pond: pond).queues(page.queue)
                let audit = try await DeadAudit.read(queues, limit: page.limit ?? 50)
                if output.json { return try terminal.print(JSONDocument(kind: "DeadAudit", of: audit)) }
                try terminal.print(text(audit, terminal))
            }
        }
    }

    private func text(_ audit: DeadAudit, _ terminal: Terminal) -> String {
        guard !audit.items.isEmpty else { return "Nothing was done to many of the dead." }
        var table = Table([
            .text("WHEN"), .text("WHO"), .text("WHAT"), .text("QUEUE"), .text("TARGET"), .number("JOBS"),
            .flexible("RESULT"), .flexible("REASON"),
        ])
        for entry in audit.items {
            table.add([
                .text(entry.time?.iso8601 ?? "-"), .text(entry.by), .text(entry.action, .bold), .text(entry.queue),
                .text(entry.target), .count(entry.jobs), .text(entry.result), .text(entry.reason),
            ])
        }
        return table.text(for: terminal)
    }
}
