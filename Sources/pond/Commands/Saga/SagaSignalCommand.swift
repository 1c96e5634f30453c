import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond saga signal`: sends a signal to a job.
struct SagaSignalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signal",
        abstract: "Send a signal to a saga, or to a job that may become one.",
        discussion: "One that nobody waits for yet is kept until somebody does, up to 1000 of a job."
    )

    @OptionGroup var job: JobChoice

    @Argument(help: "The signal's name.")
    var name: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What it says: JSON, @FILE, or - for standard input. Defaults to none.", valueName: "json")
    )
    var data: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let data = try data.map { try SagaBytes.read($0, "--data", atMost: Limits.stepResultBytesMax) }
            try await redis.withPond { pond in
                let (queue, report) = try await job.find(on: pond)
                let address = SafeText.escaped("\(queue.name)/\(report.id)")
                let actor = DeadActor.current(reason: nil).name
                let answer = try await queue.signal(name, to: report.id, data ?? [], from: actor)
                guard answer == .resolved || answer == .stored else {
                    throw CommandFailure(
                        .conflict,
                        "job \(address) takes no more signals: it has turned round or ended",
                        hint: "`pond why \(address)` says where it is"
                    )
                }
                if output.json {
                    let members = [("saga", JSONValue.string(address)), ("result", .string(answer.rawValue))]
                    return try terminal.print(JSONDocument(kind: "SagaSignal", members))
                }
                try terminal.print(
                    answer == .resolved
                        ? "sent to \(address), which goes on" : "kept for \(address), until it waits for it"
                )
            }
        }
    }
}
