import ChaosKit
import FoundationEssentials
import Millpond
import PondQueue
import PondSaga
import Synchronization

extension SagaWorld {
    /// - Throws: when the answer is not known; then it is tried again.
    func attempt(_ errand: Errand) async throws {
        switch errand {
        case .answer(let id, let move, let token, let value, let isNo):
            let answer: Result<[UInt8], ToldError> = isNo ? .failure(ToldError("no")) : .success(Array("\(value)".utf8))
            let said = try await queue.resolve(token: token, answer, from: "world")
            recorder.note(.token) { event in
                (event.id, event.key, event.target) = (id.text, token, move)
                (event.n, event.text) = (value, said.rawValue)
            }
        case .signal(let id, let move, let value):
            let said = try await queue.signal(move, to: id, Array("\(value)".utf8), from: "world")
            note(id, "signal \(move)", said.rawValue)
        case .cancel(let id): note(id, "cancel", try await queue.cancel(id).rawValue)
        case .pause(let id):
            let said = try await queue.pauseSaga(id, because: "chaos")
            note(id, "pause", "\(said)")
            if said == .moved { later(random(200...1_500), .resume(id)) }
        case .resume(let id): note(id, "resume", "\(try await queue.resumeSaga(id, because: "chaos"))")
        case .replay(let id, let plan, let left): try await replay(id, plan, left: left)
        }
    }

    func note(_ id: JobID, _ what: String, _ answer: String) {
        recorder.note(.sagaErrand) { ($0.id, $0.target, $0.text) = (id.text, what, answer) }
    }

    /// Replays a saga once it has ended: of one that is done the last steps with the same keys, of one that was undone all with new.
    private func replay(_ id: JobID, _ plan: SagaPlan, left: Int) async throws {
        guard let record = try await queue.saga(id) else { return }
        guard record.state.isFinal else {
            if left > 0 { later(1_000, .replay(id, plan, left: left - 1)) }
            return
        }
        let again = plan.untroubled(named: "\(plan.name).r")
        let mode: ForkKeys = record.state == .done ? .same : .new
        let from = mode == .same ? record.steps.suffix(2).first?.name : nil
        let data = try note(again)
        // The provider knows by its key what it has done, whatever the effect of the step.
        let once = record.steps.filter { $0.effect == .once }.map(\.name)
        let answer = try await queue.fork(id, from: from, keys: mode, because: "chaos", payload: data, again: once)
        note(id, "replay \(mode.rawValue) from \(from ?? "the first that is not done")", "\(answer)")
        guard case .enqueued(let new) = answer else { return }
        taken(again, new)
        for move in again.moves where move.kind == .signal { signal(move, new) }
    }

    /// Does what a person is asked for: says what became of a step, undoes by hand, sends the dead back.
    func lookAfter(_ provider: LedgerClient) async throws {
        let stuck = try await queue.sagas(in: .stuck)
        let paused = try await queue.sagas(in: .paused)
        state.withLock { $0.asking = stuck.count + paused.count }
        for line in stuck { try await unstick(line.id, provider) }
        for line in paused where line.reason.hasPrefix("step_unknown: ") {
            try await resolveUnknown(line.id, String(line.reason.dropFirst("step_unknown: ".count)))
        }
    }

    private func plan(of id: JobID) -> SagaPlan? {
        state.withLock { state in state.names[id.text].flatMap { state.plans[$0] } }
    }

    private func unstick(_ id: JobID, _ provider: LedgerClient) async throws {
        guard let record = try await queue.saga(id), record.state == .stuck else { return }
        guard let step = record.steps.first(where: { $0.undo == .stuck }) else {
            note(id, "send back", "\(try await queue.revive([id]))")
            return
        }
        let move = plan(of: id)?.moves.first { $0.effects.contains(step.name) }
        if move?.undoTrouble?.kind == .no {
            note(
                id,
                "retry \(step.name)",
                "\(try await queue.resolveStep(step.name, of: id, .retry, because: "chaos"))"
            )
            return
        }
        _ = try await provider.pay(
            PaymentRequest(
                saga: plan(of: id)?.name ?? "nameless",
                id: id.text,
                key: "\(record.keyBase ?? id.text):\(step.name)",
                step: step.name,
                isUndo: true,
                fence: -1,
                cents: move?.cents ?? 0
            )
        )
        note(id, "undid \(step.name)", "\(try await queue.resolveStep(step.name, of: id, .done, because: "chaos"))")
    }

    /// Looks in the provider's books, as a person would.
    private func resolveUnknown(_ id: JobID, _ step: String) async throws {
        guard let record = try await queue.saga(id), record[step]?.state == .unknown else { return }
        let rows = try LedgerFile.payments(in: place.ledgerFile)
        let hasHappened = rows.contains { $0.id == id.text && $0.step == step && $0.outcome.isEffect }
        let cents = plan(of: id)?.moves.first { $0.effects.contains(step) }?.cents ?? 0
        let said = try await queue.resolveStep(
            step,
            of: id,
            hasHappened ? .done : .retry,
            because: "chaos",
            result: hasHappened ? Array("\(cents)".utf8) : []
        )
        note(id, "\(hasHappened ? "it has happened" : "it has not happened"): \(step)", "\(said)")
    }
}
