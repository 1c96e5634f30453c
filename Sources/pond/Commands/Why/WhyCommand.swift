import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSQLite

/// `pond why`: where a job is, and why.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say where a job is, why, what happens next, and what to do.",
        discussion: """
            ID is a job's id, QUEUE/ID, or a correlation id, as a log line has it. Jobs that have ended and correlation ids \
            are found in the history (`pond history follow`, part of `pond up`); all else is read from Redis.
            Exit codes: 0 when a job was found, 3 when nobody has heard of it.
            """
    )

    @OptionGroup var about: IntentChoice

    @Option(help: ArgumentHelp("The job's queue.", valueName: "name"))
    var queue: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let answer = try await about.history.withStoreIfAny { store, reason in
                    if let queue { _ = try QueueName(queue) }
                    let doubt = try await doubt(about: store)
                    let reader = WhyReader(pond, history: store, orWhy: reason, doubt: doubt)
                    return try await reader.answer(about.id, queue: queue)
                }
                let view = WhyView(answer: answer)
                try terminal.print(output.json ? view.document.text : view.text(for: terminal))
                if answer.total == 0 { throw ExitCode(ExitCodes.notFound.rawValue) }
            }
        }
    }

    /// Says when the history is not that of this server, or seems so.
    private func doubt(about store: HistoryStore?) async throws -> String? {
        guard let store, let owner = try await store.server() else { return nil }
        let server = try redis.serverText()
        return owner == server ? nil : "\(store.store.path) is the history of \(owner), and this is \(server)"
    }
}
