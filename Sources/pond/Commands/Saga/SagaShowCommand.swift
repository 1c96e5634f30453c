import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond saga show`: a saga step by step.
struct SagaShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show all that is remembered of a saga, step by step.",
        discussion: "Results are cut on a terminal; --json has them whole, in base64 where they are no text."
    )

    @OptionGroup var saga: SagaChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let found = try await saga.find(on: pond)
                guard let view = try await SagaView.read(found.queue, found.id) else {
                    throw CommandFailure(.notFound, "saga \(found.address) has gone just now")
                }
                try terminal.print(output.json ? JSONDocument(kind: "Saga", of: view).text : view.text(for: terminal))
            }
        }
    }
}
