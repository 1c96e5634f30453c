// The handler of the workload's sagas: goes through a plan, move by move. Every effect goes to the provider by its step's key.

import ChaosKit
import Millpond

/// Does what a plan says.
struct ChaosSaga: JobHandler {
    static let kind = "chaos.saga"
    let recorder: Recorder
    let provider: LedgerClient

    func run(_ plan: SagaPlan, _ job: JobContext) async throws -> Int {
        recorder.note(.sagaRun) { event in
            (event.job, event.id, event.fence, event.attempt) = (plan.name, job.id.text, job.fence, job.attempt)
            (event.recoveries, event.text) = (job.recoveries, job.job.phase.map { "\($0)" })
        }
        let run = SagaPass(plan: plan, job: job, recorder: recorder, provider: provider)
        var cents = 0
        for move in plan.moves { cents += try await run.make(move) }
        return cents
    }
}

/// One run of a handler.
struct SagaPass: Sendable {
    let plan: SagaPlan
    let job: JobContext
    let recorder: Recorder
    let provider: LedgerClient

    func make(_ move: PlanMove) async throws -> Int {
        switch move.kind {
        case .step, .once: return try await step(move, move.name)
        case .pair:
            async let first = step(move, "\(move.name).a")
            async let second = step(move, "\(move.name).b")
            return try await first + second
        case .sleep:
            mark("sleeps", move.name)
            try await job.sleep(move.name, for: .milliseconds(move.work))
            mark("slept", move.name)
            return 0
        case .signal:
            let value: Int64 = try await job.signal(move.name, within: .milliseconds(move.work))
            mark("signalled", move.name, value)
            return 0
        case .callback: return try await callback(move)
        case .fanOut: return try await fanOut(move)
        }
    }

    /// What a run that undoes comes by is what is remembered, so it says nothing new.
    private func mark(_ what: String, _ move: String, _ number: Int64 = 0) {
        guard job.job.phase == nil else { return }
        recorder.note(.sagaMark) { event in
            (event.job, event.id, event.fence) = (plan.name, job.id.text, job.fence)
            (event.text, event.target, event.n) = (what, move, number)
        }
    }

    private func step(_ move: PlanMove, _ name: String) async throws -> Int {
        let undo: @Sendable (StepContext) async throws -> Void = { try await pay(move, name, $0) }
        let run: @Sendable (StepContext) async throws -> Int = { step in
            try await pay(move, name, step)
            try await LocalClock.system.sleep(.milliseconds(move.work))
            return move.cents
        }
        let cents =
            move.needsResult
            ? try await job.step(name, retries: move.retries, run, undo: { _, step in try await undo(step) })
            : try await job.step(
                name,
                effect: move.kind == .once ? .once : .keyed,
                retries: move.retries,
                run,
                undoAlways: { _, step in try await undo(step) }
            )
        mark("kept", name)
        return cents
    }

    private func callback(_ move: PlanMove) async throws -> Int {
        let value: Int64 = try await job.callback(
            move.name,
            within: .milliseconds(move.work),
            retries: move.retries,
            { step in
                try await pay(move, move.name, step)
                guard move.answer == .early || move.answer == .lostSend else { return }
                // So that the answer is there before this is written down.
                try await LocalClock.system.sleep(.milliseconds(400))
                if move.answer == .lostSend, step.attempt == 1 {
                    throw Planned(description: "nobody heard that it was sent")
                }
            },
            undo: { (_: Int64?, step) in try await pay(move, move.name, step) }
        )
        mark("answered", move.name, value)
        return move.cents
    }

    private func fanOut(_ move: PlanMove) async throws -> Int {
        let (name, children, undo) = (move.name, move.children, undoOfChildren(move))
        let sums: [Int?]
        if let least = move.atLeast {
            sums = try await job.fanOut(
                name,
                ChaosSaga.self,
                over: children,
                atLeast: least,
                limit: 3,
                payload: { $0 },
                undo: undo
            )
        } else {
            let all = try await job.fanOut(name, ChaosSaga.self, over: children, limit: 3, payload: { $0 }, undo: undo)
            sums = all.map { $0 }
        }
        mark("joined", move.name, Int64(sums.count { $0 != nil }))
        return sums.reduce(0) { $0 + ($1 ?? 0) }
    }

    /// Children undo what they did themselves; this only shows when it runs.
    private func undoOfChildren(_ move: PlanMove) -> (@Sendable ([Int?], StepContext) async throws -> Void)? {
        guard move.needsResult else { return nil }
        return { _, step in try await pay(move, move.name, step) }
    }

    /// Asks the provider, for the step or for its undo.
    private func pay(_ move: PlanMove, _ name: String, _ step: StepContext) async throws {
        let key = step.isUndo ? String(step.key.dropLast(":undo".count)) : step.key
        let answer = try await provider.pay(
            PaymentRequest(
                saga: plan.name,
                id: job.id.text,
                key: key,
                step: name,
                isUndo: step.isUndo,
                fence: job.fence,
                cents: move.cents,
                token: step.token,
                trouble: step.isUndo ? move.undoTrouble : move.trouble
            )
        )
        switch answer {
        case "ok": return
        case "no": throw GiveUp("the provider says no to \(name)", cause: "refused")
        default: throw Planned(description: "the provider says \(answer)")
        }
    }
}
