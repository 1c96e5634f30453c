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
            A group or a cause is sent back in stages: a few jobs, then a tenth, then the rest. After each it is waited for \
            how they end, and when too many fail again it stops. Start it again to go on. With ids, --cause or --all alone, \
            all are sent at once. It shows what it will do and asks; --yes goes on without asking.
            Exit codes: 0 when all were sent, 8 when it stopped itself, 7 when the jobs of a stage did not end in time.
            """
    )

    @OptionGroup var selection: DeadSelection

    @Option(help: ArgumentHelp("How many jobs are tried first; 0 for all at once.", valueName: "n"))
    var canary: Int?

    @Option(help: ArgumentHelp("The most jobs a second, as in 20 or 20/s.", valueName: "n"))
    var rate: String?

    @Option(name: .customLong("stop-at"), help: ArgumentHelp("Stop when more fail again.", valueName: "percent"))
    var stopAt = "20%"

    @Option(
        help: ArgumentHelp("How long the jobs of a stage may take to end.", valueName: "time"),
        transform: Duration.argument
    )
    var wait = Duration.seconds(300)

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        _ = try policy()
        if canary != nil, selection.isExplicit { throw ValidationError("--canary is for a group, a cause or --all") }
    }

    private func policy() throws -> DeadRetry.Policy {
        var policy = DeadRetry.Policy()
        let isStaged = selection.named != nil && !selection.all
        policy.canary = canary ?? (isStaged ? policy.canary : 0)
        guard (0...Limits.deadMax).contains(policy.canary) else {
            throw ValidationError("--canary is 0 to \(Limits.deadMax), not \(policy.canary)")
        }
        if let rate {
            let number = Double(rate.hasSuffix("/s") ? String(rate.dropLast(2)) : rate)
            guard let number, number > 0, number <= 1_000_000 else {
                throw ValidationError("--rate is a number of jobs a second, as in 20 or 20/s")
            }
            policy.rate = number
        }
        let percent = Double(stopAt.hasSuffix("%") ? String(stopAt.dropLast()) : stopAt)
        guard let percent, (0...100).contains(percent) else {
            throw ValidationError("--stop-at is 0% to 100%, not \(SafeText.escaped(stopAt.prefix(20)))")
        }
        policy.stopAt = percent / 100
        policy.patience = wait
        return policy
    }

    func run() async throws {
        let policy = try policy()
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let plan = try await selection.plan(pond)
                if !selection.isExplicit, plan.count > 0 {
                    terminal.say("retry " + SafeText.escaped(plan.text))
                    if policy.canary > 0 {
                        terminal.say("first \(min(policy.canary, plan.count)), then a tenth, then the rest")
                    }
                }
                let actor = try await selection.begin("retry", "retry them", plan, on: terminal)
                guard policy.canary > 0 || policy.rate != nil else {
                    let bulk = DeadBulk(participle: "retried", kind: "DeadRetry", plan: plan)
                    return try await bulk.run(on: terminal, asJSON: output.json, Self.revive)
                }
                try await retry(plan, policy, actor, on: terminal)
            }
        }
    }

    private static func revive(_ queue: Queue, _ ids: [JobID]) async throws -> [DeadBulk.Exception?] {
        zip(ids, try await queue.revive(ids)).map { id, answer in
            switch answer {
            case .enqueued: nil
            case .unknown: DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: nil)
            case .refused(let why): DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: why)
            }
        }
    }

    private func retry(
        _ plan: DeadPlan,
        _ policy: DeadRetry.Policy,
        _ actor: DeadActor?,
        on terminal: Terminal
    ) async throws {
        let bar = ProgressBar("retried", total: plan.count, on: terminal, offTerminal: .lines)
        var stage = 0
        let (end, progress) = try await DeadRetry(plan.deadParts, policy: policy).run { progress in
            if progress.stage > stage, progress.stages > 1 {
                stage = progress.stage
                bar.say("stage \(stage) of \(progress.stages)")
            }
            bar.advance(to: progress.revived + progress.gone + progress.refused)
        }
        bar.finish(showsSummary: false)
        if let actor, let target = selection.target {
            try await actor.write("retry", target, plan.deadParts, result: "\(end): \(Self.text(progress))")
            // Nobody has to say that it is gone when all its jobs ended well.
            if case .group(let id) = target, end == .finished, progress.failed == 0, progress.refused == 0,
                policy.canary > 0
            {
                try await resolve(id, plan)
            }
        }
        try tell(end, progress, on: terminal)
    }

    private func resolve(_ id: GroupID, _ plan: DeadPlan) async throws {
        for part in plan.parts where try await part.queue.group(id)?.count == 0 {
            try await part.queue.setState(of: id, .resolved)
        }
    }

    private static func text(_ progress: DeadRetry.Progress) -> String {
        var words = ["retried \(progress.revived.of("dead job"))"]
        if progress.succeeded + progress.failed > 0 {
            words.append("\(progress.succeeded.grouped) ended, \(progress.failed.grouped) failed again")
        }
        if progress.refused > 0 { words.append("\(progress.refused.grouped) cannot run") }
        if progress.gone > 0 { words.append("\(progress.gone.grouped) were dead no more") }
        return words.joined(separator: ", ")
    }

    private func tell(_ end: DeadRetry.End, _ progress: DeadRetry.Progress, on terminal: Terminal) throws {
        if output.json {
            try terminal.print(document(end, progress))
        } else {
            try terminal.print(Self.text(progress))
            for refusal in progress.refusals { terminal.say(SafeText.escaped(refusal)) }
        }
        let left = (progress.planned - progress.revived - progress.gone - progress.refused).grouped
        switch end {
        case .finished where progress.refused > 0:
            throw CommandFailure(
                .refused,
                "\(progress.refused.of("job")) cannot run",
                hint: "discard what is malformed"
            )
        case .finished: return
        case .stopped:
            throw CommandFailure(
                .checkFailed,
                "stopped, because more than \(stopAt) failed again; \(left) were not touched",
                hint: "mend the cause, then run the same command again"
            )
        case .undecided:
            throw CommandFailure(
                .timedOut,
                "\(progress.open.of("job")) had not ended after \(wait.human); \(left) were not touched",
                hint: "check that workers run (`pond status`), or wait longer with --wait"
            )
        }
    }

    private func document(_ end: DeadRetry.End, _ progress: DeadRetry.Progress) -> JSONDocument {
        JSONDocument(
            kind: "DeadRetry",
            items: progress.refusals.map { .string($0) },
            [
                ("planned", .count(progress.planned)), ("retried", .count(progress.revived)),
                ("ended", .count(progress.succeeded)), ("failed_again", .count(progress.failed)),
                ("refused", .count(progress.refused)), ("gone", .count(progress.gone)), ("end", .string("\(end)")),
            ]
        )
    }
}
