// What is judged of a job that a limit holds back.

import PondCore
import PondQueue

extension JobSnapshot {
    var limited: Diagnosis {
        if let paused = situation.pausedAt { return queuePaused(since: paused) }
        if workerCount == 0 { return noWorker("") }
        guard let hold = situation.limit else {
            return Diagnosis(
                .starting,
                "it was held back by a limit that has room again",
                next: "it begins at the next fetch, within a moment",
                do: [.limits, .why(address)]
            )
        }
        let (reason, cause) = judged(hold)
        let queueing = hold.before == 0 ? "it is the next" : "\(hold.before.of("job", ("is", "are"))) before it"
        return Diagnosis(reason, "\(cause); \(queueing)", next: next(hold), do: actions(hold))
    }

    private func judged(_ hold: LimitHold) -> (Reason, String) {
        let name = "limit \(hold.name)"
        let allows = limit.map { " allows \($0.definition)\(learned($0))" }
        switch hold.reason {
        case .concurrency:
            let running = limit.map { ", and \($0.running.of("job", ("has", "have"))) it now" } ?? ""
            return (.concurrencyLimited, name + (allows ?? " has no room") + running)
        case .throttled:
            return (.throttled, "the other side of \(name) has said that it gets too much\(until)")
        case .brownout:
            return (
                .brownout,
                "what \(name) is for fails so often that its retry budget is empty: first tries go, others rest"
            )
        case .breaker:
            return (
                .breakerOpen,
                "the breaker of \(name) is open, because at least half of the last calls failed: a probe a second is let through"
            )
        case .rate:
            return (.rateLimited, name + (allows.map { "\($0), and that is used up" } ?? " has no room"))
        case nil:
            return (.behindOthers, "\(name) has room for it again, and no worker had a free slot")
        }
    }

    private func learned(_ limit: LimitView) -> String {
        limit.learnedWords.map { " (\($0), because the other side complained)" } ?? ""
    }

    /// ` and wants nothing for another 20s`, as far as it is known.
    private var until: String {
        guard let until = limit?.until, until > situation.now else { return "" }
        return ", and wants nothing for another \(until.since(situation.now).human)"
    }

    private func next(_ hold: LimitHold) -> String {
        guard let due = hold.due else { return "it begins when there is room and its turn has come, without a poll" }
        let left = due.since(situation.now)
        return left > .zero
            ? "it begins in about \(left.human), when there is room and its turn has come"
            : "it begins at its turn, within a moment"
    }

    private func actions(_ hold: LimitHold) -> [Action] {
        let set = limit.map { [Action.setLimit($0.definedAs, $0.definition)] } ?? []
        return [.limit(hold.name)] + set + [.cancel(address)]
    }
}
