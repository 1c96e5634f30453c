import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond dead discard`: forgets dead jobs.
struct DeadDiscardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Forget dead jobs for good.",
        discussion: "It shows what it will do and asks; --yes goes on without asking. There is no way back."
    )

    @OptionGroup var selection: DeadSelection
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let plan = try await selection.plan(pond)
                let bulk = DeadBulk(participle: "discarded", kind: "DeadDiscard", plan: plan)
                if plan.count > 0 { terminal.say("discard for good " + SafeText.escaped(plan.text)) }
                if selection.isExplicit, plan.count > 0 {
                    try Confirmation.ask("discard them", count: plan.count, yes: selection.yes, on: terminal)
                }
                // What was begun is written down, because it may be killed before its end.
                let actor = try await selection.begin("discard", "discard them", plan, on: terminal)
                try await bulk.run(on: terminal, asJSON: output.json) { discarded in
                    let result = "finished: discarded \(discarded.of("dead job"))"
                    try await actor?.write("discard", selection.audited, plan.deadParts, result: result)
                } _: { queue, ids in
                    zip(ids, try await queue.discard(ids)).map { id, wasDead in
                        wasDead ? nil : DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: nil)
                    }
                }
            }
        }
    }
}
