// What is judged of a saga that does not go on by itself, and what people may say of it: each command is one that is taken there.

import PondCore
import PondQueue
import PondSaga

extension JobSnapshot {
    /// An undo has failed, and rests before its next try.
    func undoRests(_ record: SagaRecord) -> Diagnosis {
        let why = record.whyTurned.isEmpty ? "" : ", because \(firstLine(of: record.whyTurned))"
        let due = situation.report.due ?? situation.now
        let left = max(.zero, due.since(situation.now))
        var actions = [Action.saga(address)]
        if let step = record.toUndo.first, step.undoAttempt > 0 {
            actions = [
                .sayRetry(address, step.name), .sayDone(address, step.name), .sayAbandon(address, step.name),
                .saga(address),
            ]
        }
        return Diagnosis(
            .undoing,
            "it has turned round\(why); \(undoProgress(record)); it rests before the next try",
            next:
                "it is tried again \(left > .zero ? "in \(left.human)" : "at once"), at \(due.iso8601); somebody may say before: "
                + "try it now (--retry), it is undone (--done), or leave it (--abandon)",
            do: actions,
            since: record.since
        )
    }

    func paused(_ record: SagaRecord) -> Diagnosis {
        if let replay { return replayed(record, as: replay) }
        if let step = record.steps.first(where: { $0.state == .unknown }) { return unknown(step, record) }
        if let mismatch = PlanMismatch(reason: record.reason) { return misfit(mismatch, record) }
        let why = record.reason.isEmpty ? ", and nobody said why" : ": \(firstLine(of: record.reason))"
        let undoes = record.undoes ? "; it undoes what it did, because \(firstLine(of: record.whyTurned))" : ""
        return Diagnosis(
            .sagaPaused,
            "its saga has been paused for \(situation.now.since(record.since).human)\(why)\(undoes)",
            next: "nothing, until somebody resumes it",
            do: [.resumeSaga(address)] + cancelling,
            since: record.since
        )
    }

    private func replayed(_ record: SagaRecord, as replay: String) -> Diagnosis {
        Diagnosis(
            .sagaPaused,
            "its saga has been paused for \(situation.now.since(record.since).human), and was replayed as \(replay), which "
                + "goes on with what it did",
            next: "nothing; to let it go on or cancel it beside its replay asks for --force",
            do: [.why(replay)],
            since: record.since
        )
    }

    /// The handler and the record do not fit each other in a step.
    private func misfit(_ mismatch: PlanMismatch, _ record: SagaRecord) -> Diagnosis {
        let (name, step) = (firstLine(of: mismatch.step), record[mismatch.step])
        let how: String
        if let flaw = mismatch.flaw {
            how = "step \(name) of the handler cannot be used: \(firstLine(of: flaw))"
        } else if let instead = mismatch.instead {
            how =
                "the handler does not come by step \(name), which is in the record, but to step \(firstLine(of: instead)), "
                + "which is not, as after a deploy"
        } else {
            how = "step \(name) of the handler is not the one in the record, as after a deploy"
        }
        var actions =
            [Action.words("deploy a build whose step \(name) is as recorded"), .resumeSaga(address)] + cancelling
        // What came from outside may be replaced.
        if mismatch.flaw != nil, step?.state == .done {
            actions.append(.sayResult(address, mismatch.step))
            if step?.kind == .signal { actions.append(.sayRetry(address, mismatch.step)) }
        }
        // Of a saga that undoes, somebody may have undone the step by hand.
        if record.undoes, step?.needsUndo == true {
            actions += [.sayDone(address, mismatch.step), .sayAbandon(address, mismatch.step)]
        }
        return Diagnosis(
            .sagaPaused,
            "plan_mismatch: \(how); paused for \(situation.now.since(record.since).human)",
            next: "nothing, until a build that fits serves \(queue) and somebody resumes it",
            do: actions,
            since: record.since
        )
    }

    private func unknown(_ step: StepRecord, _ record: SagaRecord) -> Diagnosis {
        let end = step.error.isEmpty ? "its worker died" : "failed with \"\(firstLine(of: step.error))\""
        return Diagnosis(
            .stepUnknown,
            "step \(firstLine(of: step.name)) began at \(step.began.iso8601) and \(end): nobody knows whether it "
                + "happened, and its effect (\(step.effect.rawValue)) must not happen twice",
            next:
                "nothing, until somebody says: it has happened (--done, with its result), it has not (--retry), or leave it out",
            do: [
                .sayResult(address, step.name), .sayRetry(address, step.name), .sayAbandon(address, step.name),
            ] + cancelling,
            since: record.since
        )
    }

    func stuck(_ record: SagaRecord) -> Diagnosis {
        guard let step = record.steps.last(where: { $0.undo == .stuck }) else {
            return Diagnosis(
                .sagaStuck,
                "its saga was undoing what it did and died of \(firstLine(of: record.reason)); \(undoProgress(record))",
                next: "nothing, until somebody sends it back",
                do: [.retry(address), .dead(address)],
                since: record.since
            )
        }
        let error = step.error.isEmpty ? firstLine(of: record.reason) : firstLine(of: step.error)
        let left = record.toUndo.count
        let rest = left > 0 ? "; \(left.of("step", ("is", "are"))) still to be undone behind it" : ""
        let turned = record.turnReason.map { "; it had turned round because of \(firstLine(of: $0))" } ?? ""
        let (next, actions) = sayings(of: step)
        return Diagnosis(
            .sagaStuck,
            "the undo of step \(firstLine(of: step.name)) failed for good after \(step.undoAttempt.of("try", plural: "tries")): "
                + "\(error)\(rest)\(turned)",
            next: next,
            do: actions + [.dead(address)],
            since: record.since
        )
    }

    /// What may be said of an undo that has failed for good, what helps first.
    private func sayings(of step: StepRecord) -> (next: String, actions: [Action]) {
        let byHand = [Action.sayDone(address, step.name), .sayAbandon(address, step.name)]
        if step.error.contains(UndoPolicy.needsResult) {
            let next =
                "nothing, until somebody says: it is undone by hand (--done), or leave it (--abandon); to try it again "
                + "helps only with a build whose undo takes no result"
            return (next, byHand)
        }
        if let job = UndoJob(error: step.error) {
            let next =
                "nothing, until somebody sends that job back and then lets the undo be tried again (--retry), or says: it "
                + "is undone (--done), or leave it (--abandon)"
            return (next, [.retry(job.address), .sayRetry(address, step.name)] + byHand)
        }
        return (
            "nothing, until somebody says: try it again, it is undone (--done), or leave it (--abandon)",
            [.sayRetry(address, step.name)] + byHand
        )
    }
}
