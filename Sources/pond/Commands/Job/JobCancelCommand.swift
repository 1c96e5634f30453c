import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond job cancel`: takes back a job that has not ended.
struct JobCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a job that has not ended.",
        discussion: "A waiting job is gone at once. A running one is cancelled by its worker at its next heartbeat."
    )

    @OptionGroup var job: JobChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (queue, report) = try await job.find(on: pond)
                let address = "\(queue.name)/\(report.id)"
                guard report.state != .dead else {
                    throw CommandFailure(
                        .conflict,
                        "job \(address) is dead, so there is nothing to cancel",
                        hint: "`pond dead show \(address)` shows why; `pond dead discard \(address)` forgets it"
                    )
                }
                let answer: CancelAnswer
                do throws(QueueError) { answer = try await queue.cancel(report.id) } catch {
                    throw error.code == .forwardOnly ? CommandFailure.behindPivot(address, error) : error
                }
                try tell(answer, address, report, on: terminal)
            }
        }
    }

    private func tell(
        _ answer: CancelAnswer,
        _ address: String,
        _ report: JobReport,
        on terminal: Terminal
    ) throws {
        guard answer != .unknown else {
            throw CommandFailure(
                .conflict,
                "job \(address) ended before it could be cancelled",
                hint: "nothing was changed"
            )
        }
        if output.json {
            let result: [(String, JSONValue)] = [("job", .string(address)), ("result", .string(answer.rawValue))]
            return try terminal.print(JSONDocument(kind: "JobCancel", result))
        }
        let job = SafeText.escaped(address)
        try terminal.print(
            answer == .cancelled
                ? "cancelled \(job); it will not run"
                : report.owner.map { owner in
                    "cancelling \(job); its worker \(SafeText.escaped(owner.name)) hears it within "
                        + (Limits.beatInterval * 2).human
                } ?? "cancelling \(job); it is a saga, and what it did is undone, the newest first"
        )
    }
}
