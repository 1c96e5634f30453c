import PondCore

/// The numbers of a run's sagas.
package struct SagaFigures: Sendable {
    /// How many sagas there were, children and replays included, and how many of them were given out.
    package var all = 0
    package var given = 0
    package var children = 0
    package var replays = 0
    package var states: [String: Int] = [:]
    /// Those that have not ended.
    package var open = 0
    package var runs = 0
    package var requests = 0
    /// Keys that the provider did, and that it undid; how many it did more than once.
    package var effects = 0
    package var undone = 0
    package var doubled = 0
    /// In cents: what the provider has, and what it should have by the sagas that are done.
    package var balance = 0
    package var kept = 0
    package var answered = 0
    package var refusedAnswers = 0
    package var timers = 0
    package var stuck = 0
    package var late = 0
    package var crashes = 0

    /// What was given out as a saga and ended before it said a step: cancelled while it waited for a worker, for example.
    private static let stepless = "a job without steps"

    package init(_ history: History) {
        let sagas = history.sagas.values
        all = sagas.count
        for saga in sagas {
            states[saga.state ?? Self.stepless, default: 0] += 1
            if saga.state != nil, !saga.isOver { open += 1 }
            runs += saga.runs
            requests += saga.payments.count
            if saga.name.hasSuffix(".r") {
                replays += 1
            } else if saga.name.contains(".") {
                children += 1
            } else {
                given += 1
            }
            timers += saga.events.count { $0.event == "woken" && $0.detail == "timer" }
            stuck += saga.events.count { $0.event == "undo_failed" }
            late += saga.steps.count { $0.isLate }
        }
        for account in history.accounts.values {
            effects += account.done > 0 ? 1 : 0
            undone += account.undone > 0 ? 1 : 0
            doubled += account.done > 1 ? 1 : 0
            balance += (account.done - account.undone) * account.cents
        }
        kept = Self.kept(history)
        let said = history.answers.values.joined().map(\.said)
        answered = said.count { $0 == "resolved" }
        refusedAnswers = said.count { ["same", "conflict", "expired", "void"].contains($0) }
        let points = Set(CrashPoint.ofSagas.map(\.rawValue))
        crashes = Figures.crashes(in: history).reduce(0) { $0 + (points.contains($1.key) ? $1.value : 0) }
    }

    /// What the sagas that are done have done, a key once, by their plans.
    private static func kept(_ history: History) -> Int {
        var cents: [String: Int] = [:]
        for saga in history.sagas.values where saga.state == "done" {
            for move in history.plans[saga.name]?.moves ?? [] {
                for step in move.effects { cents["\(saga.keyBase):\(step)"] = move.cents }
            }
        }
        return cents.values.reduce(0, +)
    }

    /// As they are shown.
    package var rows: [(name: String, value: Int)] {
        let ends = ["done", "compensated", "cancelled", "failed", "abandoned"].map { ("sagas \($0)", states[$0] ?? 0) }
        return [("sagas", all), ("sagas given out", given), ("child sagas", children), ("replays", replays)] + ends + [
            ("ended before they said a step", states[Self.stepless] ?? 0), ("sagas not ended", open),
            ("runs of their handlers", runs), ("requests at the provider", requests),
            ("effects", effects), ("effects undone", undone), ("effects doubled", doubled),
            ("provider's books, in cents", balance), ("kept by sagas that are done, in cents", kept),
            ("tokens answered", answered), ("answers refused", refusedAnswers), ("woken by a timer", timers),
            ("undos that failed for good", stuck), ("late commits", late), ("crashes at a saga's transition", crashes),
        ]
    }
}
