import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond dead compensate`: has undone what dead jobs may have done.
struct DeadCompensateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compensate",
        abstract: "Undo what dead jobs may have done: send them to the compensation of their kind.",
        discussion: """
            The worker runs the compensation that is registered for their kind, never again their own work; a compensation \
            that fails is tried again, and dead again in a group of its own. A group or a cause is sent in stages, as \
            `pond dead retry` does. It shows what it will do and asks; --yes goes on without asking.
            Nothing is sent while a live worker of the queue would do the work again, or none could undo it.
            Exit codes: 0 when all were sent, 4 when workers are in the way, 8 when it stopped itself, 7 when the jobs of a \
            stage did not end in time.
            """
    )

    @OptionGroup var selection: DeadSelection
    @OptionGroup var stages: DeadStages

    @Flag(help: "Send them whatever the workers say; one that knows no compensations does the work again.")
    var force = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try stages.policy(for: selection) }

    func run() async throws {
        let policy = try stages.policy(for: selection)
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let plan = try await selection.plan(pond)
                let kinds = try await Kinds(plan)
                if plan.count > 0 {
                    terminal.say("compensate " + SafeText.escaped(plan.text))
                    terminal.say("of the kinds " + SafeText.escaped(kinds.text))
                    DeadSending.say(policy, plan, on: terminal)
                }
                if !force { for part in plan.parts { try await kinds.check(part.queue) } }
                let actor = try await selection.beginAlways("compensate", "compensate them", plan, on: terminal)
                try await sending(kinds).run(plan, policy, actor, on: terminal)
            }
        }
    }

    private func sending(_ kinds: Kinds) -> DeadSending {
        DeadSending(
            action: "compensate",
            participle: "sent",
            kind: "DeadCompensation",
            selection: selection,
            stages: stages,
            asJSON: output.json
        ) { [force] queue, ids in
            // A worker may have come meanwhile.
            if !force { try await kinds.check(queue) }
            return try await queue.compensate(ids)
        }
    }
}

/// What the jobs of a plan are.
private struct Kinds: Sendable {
    private var byQueue: [QueueName: Set<String>] = [:]
    private var counts: [String: Int] = [:]

    init(_ plan: DeadPlan) async throws {
        for part in plan.deadParts {
            let kinds = try await part.kinds()
            // What has no kind cannot run at all, and says so itself.
            byQueue[part.queue.name] = Set(kinds.map(\.name)).subtracting(["-"])
            for kind in kinds { counts[kind.name, default: 0] += kind.count }
        }
    }

    /// `charge 1 200, refund 4`.
    var text: String {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let named = sorted.prefix(9).map { "\($0.key) \($0.value.grouped)" }.joined(separator: ", ")
        return sorted.count > 9 ? "\(named) and \(sorted.count - 9) more" : named
    }

    /// - Throws: `CommandFailure` when a worker of the queue is in the way, or none can do it.
    func check(_ queue: Queue) async throws {
        switch try await CompensationObstacle.first(in: queue, kinds: byQueue[queue.name] ?? []) {
        case nil: return
        case .wouldDoAgain(let worker, let kind):
            throw CommandFailure(
                .refused,
                "worker \(worker) of \(queue.name) may handle \(kind) and knows no compensations: it would do the work again",
                hint:
                    "stop it or start it with this version, then run the same command again; --force sends all the same"
            )
        case .nobodyCompensates(let kind):
            throw CommandFailure(
                .refused,
                "no worker of \(queue.name) has a compensation for \(kind)",
                hint:
                    "register one beside its handler (`.compensate`, or `pond worker --compensates`), then run the same "
                    + "command again"
            )
        }
    }
}
