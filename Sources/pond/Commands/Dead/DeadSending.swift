import Millpond
import PondCore
import PondInsight
import PondQueue
import Synchronization

/// Sends dead jobs back to their queues, at once or in stages, and tells how it went.
struct DeadSending {
    /// What is done, as the audit has it: `retry`.
    let action: String
    /// What was done to a job in the end: `retried`.
    let participle: String
    /// The kind of the JSON document.
    let kind: String
    let selection: DeadSelection
    let stages: DeadStages
    let asJSON: Bool
    /// Sends a batch back.
    let send: @Sendable (Queue, [JobID]) async throws -> [ReviveAnswer]

    /// Says in how many steps a plan will be gone through.
    static func say(_ policy: DeadRetry.Policy, _ plan: DeadPlan, on terminal: Terminal) {
        guard policy.canary > 0 else { return }
        terminal.say("first \(min(policy.canary, plan.count)), then a tenth, then the rest")
    }

    /// Does it.
    ///
    /// - Parameters:
    ///   - actor: who is told of in the audit when the stages end; nil for nobody.
    ///   - atEnd: called when the stages end, before it is told how.
    func run(
        _ plan: DeadPlan,
        _ policy: DeadRetry.Policy,
        _ actor: DeadActor?,
        on terminal: Terminal,
        atEnd: (DeadRetry.End, DeadRetry.Progress) async throws -> Void = { _, _ in }
    ) async throws {
        guard policy.canary > 0 || policy.rate != nil else {
            return try await sendAtOnce(plan, actor, on: terminal)
        }
        let bar = ProgressBar(participle, total: plan.count, on: terminal, offTerminal: .lines)
        let known = Mutex<DeadRetry.Progress?>(nil)
        let sending = DeadRetry(plan.deadParts, policy: policy, revive: send)
        // Ctrl-C ends it between two batches, so that the audit can say how far it came.
        let ended = try await withStopSignals(hangUp: .stops, .quiet) { _ in
            try await Self.run(sending, bar) { progress in known.withLock { $0 = progress } }
        }
        bar.finish(showsSummary: false)
        guard let (end, progress) = ended else {
            return try await tellStopped(plan, actor, known.withLock { $0 })
        }
        try await actor?.write(action, selection.audited, plan.deadParts, result: "\(end): \(text(progress))")
        try await atEnd(end, progress)
        try tell(end, progress, on: terminal)
    }

    private func sendAtOnce(_ plan: DeadPlan, _ actor: DeadActor?, on terminal: Terminal) async throws {
        let bulk = DeadBulk(participle: participle, kind: kind, plan: plan)
        try await bulk.run(on: terminal, asJSON: asJSON) { sent in
            let result = "finished: \(participle) \(sent.of("dead job"))"
            try await actor?.write(action, selection.audited, plan.deadParts, result: result)
        } _: { queue, ids in
            zip(ids, try await send(queue, ids)).map { id, answer in
                switch answer {
                case .enqueued: nil
                case .unknown: DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: nil)
                case .refused(let why): DeadBulk.Exception(address: "\(queue.name)/\(id)", refusal: why)
                }
            }
        }
    }

    private static func run(
        _ sending: DeadRetry,
        _ bar: ProgressBar,
        _ note: (DeadRetry.Progress) -> Void
    ) async throws -> (end: DeadRetry.End, progress: DeadRetry.Progress) {
        var stage = 0
        do {
            return try await sending.run { progress in
                note(progress)
                if progress.stage > stage, progress.stages > 1 {
                    stage = progress.stage
                    bar.say("stage \(stage) of \(progress.stages)")
                }
                bar.advance(to: progress.revived + progress.gone + progress.refused)
            }
        } catch {
            throw Task.isCancelled ? CancellationError() : error
        }
    }

    /// A batch that was under way may have arrived and is not counted, so there may be a few more.
    private func tellStopped(_ plan: DeadPlan, _ actor: DeadActor?, _ progress: DeadRetry.Progress?) async throws {
        let sent = progress.map { "\(text($0)), or some more" } ?? "nothing was sent, or a first few"
        try await actor?.write(action, selection.audited, plan.deadParts, result: "interrupted: \(sent)")
        throw CommandFailure(.interrupted, "stopped: \(sent)", hint: "run the same command again to go on")
    }

    private func text(_ progress: DeadRetry.Progress) -> String {
        var words = ["\(participle) \(progress.revived.of("dead job"))"]
        if progress.succeeded + progress.failed > 0 {
            words.append("\(progress.succeeded.grouped) ended, \(progress.failed.grouped) failed again")
        }
        if progress.refused > 0 { words.append("\(progress.refused.grouped) cannot run") }
        if progress.gone > 0 { words.append("\(progress.gone.grouped) were dead no more") }
        return words.joined(separator: ", ")
    }

    private func tell(_ end: DeadRetry.End, _ progress: DeadRetry.Progress, on terminal: Terminal) throws {
        if asJSON {
            try terminal.print(document(end, progress))
        } else {
            try terminal.print(text(progress))
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
                "stopped, because more than \(stages.stopAt) failed again; \(left) were not touched",
                hint: "mend the cause, then run the same command again"
            )
        case .undecided:
            throw CommandFailure(
                .timedOut,
                "\(progress.open.of("job")) had not ended after \(stages.wait.human); \(left) were not touched",
                hint: "check that workers run (`pond status`), or wait longer with --wait"
            )
        }
    }

    private func document(_ end: DeadRetry.End, _ progress: DeadRetry.Progress) -> JSONDocument {
        JSONDocument(
            kind: kind,
            items: progress.refusals.map { .string($0) },
            [
                ("planned", .count(progress.planned)), (participle, .count(progress.revived)),
                ("ended", .count(progress.succeeded)), ("failed_again", .count(progress.failed)),
                ("refused", .count(progress.refused)), ("gone", .count(progress.gone)), ("end", .string("\(end)")),
            ]
        )
    }
}
