import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSQLite

/// `pond corr`: all jobs of an intent, who enqueued whom, and where the time went.
struct CorrCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corr",
        abstract: "Show the jobs of an intent as a tree, and where the time went as bars.",
        discussion: """
            ID is a correlation id, or the id of any job of the intent. Jobs are found in the history (`pond history follow`, \
            part of `pond up`); where they are now is read from Redis. Below a saga stand its steps, waits and undos, and below \
            a fan-out the jobs that it started. Exit code 3 when nothing is known of it.
            """
    )

    @OptionGroup var about: IntentChoice

    @Flag(help: "Draw with ASCII only.")
    var ascii = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let answer = try await about.history.withStoreIfAny { store, reason in
                    try await IntentReader(pond, history: store, orWhy: reason).answer(about.id)
                }
                var view = CorrView(answer: answer, isASCII: ascii)
                view.budget = try await pond.ledger.show(Ledger.name(ofIntent: answer.correlationID))
                guard !answer.tree.rows.isEmpty else {
                    throw CommandFailure(
                        .notFound,
                        "nothing is known of \(about.id)",
                        hint: answer.unseen.first ?? "check the id; `pond tail` shows ids"
                    )
                }
                try terminal.print(output.json ? view.document.text : view.text(for: terminal))
                if !output.json { for note in answer.unseen { terminal.say("note: \(SafeText.escaped(note))") } }
            }
        }
    }
}
