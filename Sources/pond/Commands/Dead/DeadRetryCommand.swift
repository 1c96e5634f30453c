import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond dead retry`: sends dead jobs back to their queues.
struct DeadRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Send dead jobs back to their queues, with their attempts at 0.",
        discussion: """
            A group or a cause is sent back in stages: a few jobs, then a tenth, then the rest. It waits for \
            the end of each stage, and stops when too many failed again. Start it again to go on. With ids, --cause or --all alone, \
            all are sent at once. It shows what it will do and asks; --yes goes on without asking.
            A child of a saga whose parent does not wait for it any more is refused: its result would be lost, and nobody would \
            undo what it does. --force sends it back all the same.
            Exit codes: 0 when all were sent, 8 when it stopped itself, 7 when the jobs of a stage did not end in time.
            """
    )

    @OptionGroup var selection: DeadSelection
    @OptionGroup var stages: DeadStages

    @Flag(help: "Children of sagas, too, whose parents do not wait for them any more.")
    var force = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try stages.policy(for: selection) }

    func run() async throws {
        let policy = try stages.policy(for: selection)
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let plan = try await selection.plan(pond)
                if !selection.isExplicit, plan.count > 0 {
                    terminal.say("retry " + SafeText.escaped(plan.text))
                    DeadSending.say(policy, plan, on: terminal)
                }
                let actor = try await selection.begin("retry", "retry them", plan, on: terminal)
                try await sending.run(plan, policy, actor, on: terminal) { end, progress in
                    // Nobody has to say that it is gone when all its jobs ended well.
                    guard case .group(let id) = selection.target, end == .finished, progress.failed == 0,
                        progress.refused == 0, policy.canary > 0
                    else { return }
                    try await resolve(id, plan)
                }
            }
        }
    }

    private var sending: DeadSending {
        let force = force
        return DeadSending(
            action: "retry",
            participle: "retried",
            kind: "DeadRetry",
            selection: selection,
            stages: stages,
            asJSON: output.json
        ) { queue, ids in try await queue.revive(ids, force: force) }
    }

    private func resolve(_ id: GroupID, _ plan: DeadPlan) async throws {
        for part in plan.parts where try await part.queue.group(id)?.count == 0 {
            try await part.queue.setState(of: id, .resolved)
        }
    }
}
