// What is judged of a job that is dead or gone.

import PondCore
import PondQueue
import PondSQLite

extension JobSnapshot {
    var dead: Diagnosis {
        let report = situation.report
        let cause = report.cause ?? "unknown"
        let error = report.error.map { ": \(firstLine(of: $0))" } ?? ""
        let alone = orphaned.map {
            "; it is a child whose parent saga \($0): sent back, its result is lost and nobody undoes it"
        }
        var actions = [Action.dead(address), alone == nil ? .retry(address) : .retryAlone(address)]
        if let group = situation.group { actions.insert(.group(group), at: 0) }
        if !isCompensation { actions.append(.compensate(address)) }
        return Diagnosis(
            .dead,
            "\(cause) after \((report.attempts).of("failed try", plural: "failed tries"))\(error)\(alone ?? "")",
            next: "nothing, until somebody retries, compensates or discards it",
            do: actions
        )
    }

    /// Redis has nothing of it any more: the history tells how it ended.
    var gone: Diagnosis {
        let end = jobHistory?.events.last { $0.what.isEnd || $0.what == .ghost }
        if let end, let jobHistory, isLast(end, of: jobHistory) { return ended(by: end) }
        // What tells of its end may be older than the journal is long, or not have been read yet.
        if let sagaEnd { return sagaEnd }
        guard let jobHistory else {
            return Diagnosis(
                .unknown,
                "it is in no known queue: it has ended, or it never existed",
                next: "nothing",
                do: [.queues, hasHistory ? .historyStatus : .follow]
            )
        }
        return lost(jobHistory)
    }

    private func isLast(_ end: HistoryEvent, of jobHistory: JobHistory) -> Bool {
        !jobHistory.events.contains { $0.what == .revived && $0.time > end.time }
    }

    private func lost(_ jobHistory: JobHistory) -> Diagnosis {
        let last =
            jobHistory.events.last.map { "the last that is known is \($0.what.name) at \($0.time.iso8601)" } ?? ""
        return Diagnosis(
            .lostPayload,
            "its entry is gone without an end: it was deleted by hand, lost with redis' memory, or ended after "
                + "what the history has read; \(last)",
            next: "nothing",
            do: [.jobHistory(address), .historyStatus, .doctor],
            since: jobHistory.events.last?.time
        )
    }

    private func ended(by end: HistoryEvent) -> Diagnosis {
        let ran = end.run.map { ", after a run of \($0.human)" } ?? ""
        let by = end.by.map { " in \($0)" } ?? ""
        let jobHistory = [hasHistory ? Action.jobHistory(address) : .follow]
        switch end.what {
        case .done:
            return Diagnosis(.done, "it ended well\(by)\(ran)", next: "nothing", do: jobHistory, since: end.time)
        case .compensated:
            let text = "what it had done is undone\(leftAsItIs)\(by)\(ran)"
            return Diagnosis(.compensated, text, next: "nothing", do: jobHistory, since: end.time)
        case .cancelled:
            return Diagnosis(.cancelled, cancelText, next: "nothing", do: jobHistory, since: end.time)
        case .expired:
            let text = "it had not begun when its time was over"
            return Diagnosis(.expired, text, next: "nothing", do: jobHistory, since: end.time)
        case .duplicate:
            let other = end.words.first ?? "another job"
            let text = "job \(other) has its idempotency key, so it was not run"
            return Diagnosis(
                .duplicate,
                text,
                next: "nothing",
                do: [.why("\(queue)/\(other)")] + jobHistory,
                since: end.time
            )
        case .dropped:
            let text = "it was dead, and was dropped as the oldest of more than \(Limits.deadMax.grouped)"
            return Diagnosis(.dropped, text, next: "nothing", do: jobHistory, since: end.time)
        case .ghost:
            let text = "somebody deleted its entry by hand"
            return Diagnosis(.lostPayload, text, next: "nothing", do: jobHistory, since: end.time)
        default:
            return Diagnosis(
                .discarded,
                "somebody discarded it when it was dead",
                next: "nothing",
                do: jobHistory,
                since: end.time
            )
        }
    }
}
