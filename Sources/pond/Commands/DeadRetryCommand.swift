import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// `pond dead retry`: sends dead jobs back to their queues.
struct DeadRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Send dead jobs back to their queues, with their attempts at 0.",
        discussion: "With --cause or --all it shows what it will do and asks; --yes goes on without asking."
    )

    @OptionGroup var selection: DeadSelection
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let plan = try await selection.plan(pond)
                let bulk = DeadBulk(participle: "retried", kind: "DeadRetry", plan: plan)
                if !selection.isExplicit, plan.count > 0 {
                    terminal.say("retry " + SafeText.escaped(plan.text))
                    try Confirmation.ask("retry them", count: plan.count, yes: selection.yes, on: terminal)
                }
                try await bulk.run(on: terminal, asJSON: output.json) { queue, ids in
                    zip(ids, try await queue.revive(ids)).map { id, answer in
                        switch answer {
                        case .enqueued: nil
                        case .unknown: DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: nil)
                        case .refused(let why): DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: why)
                        }
                    }
                }
            }
        }
    }
}
