// Sagas. The evidence is the provider's ledger, which no worker writes, in its order; what Redis remembers at the end; and the
// queue's journal. Sagas of the workload go move by move, so the order of their steps is known; two may run at a time.

/// I13 to I16, and a part of I4: how sagas end, and what is left of their effects.
enum SagaRules {
    typealias Texts = [(job: String?, text: String)]

    /// I13: a saga ends once, and its job ends as it does.
    static func ends(in history: History) -> Texts {
        history.sagas.values.compactMap { saga in
            end(of: saga, history).map { (saga.name, "\(saga.id) \($0)") }
        }
    }

    private static func end(of saga: SagaFacts, _ history: History) -> String? {
        var end: String?
        for (event, detail) in saga.events {
            switch event {
            case "saga_ended":
                let state = String(detail.prefix { !$0.isWhitespace })
                if let end { return "ended as \(state) after it had ended as \(end)" }
                end = state
            case "saga_reopened": end = nil
            case "turned", "undone", "woken":
                if let end { return "was \(event) after it had ended as \(end)" }
            default: break
            }
        }
        guard let state = saga.state, saga.isOver else { return nil }
        if let end, end != state { return "ended as \(end) by the journal, and Redis remembers \(state)" }
        let ends = history.ends[saga.id, default: []]
        if ends.count > 1 { return "has a job that ended \(ends.count) times: \(ends.joined(separator: ", "))" }
        let fitting: [String: [String]] = [
            "done": ["done"], "compensated": ["compensated"], "cancelled": ["cancelled", "expired"],
        ]
        if let fitting = fitting[state], ends.first.map({ !fitting.contains($0) }) ?? true {
            return "is \(state), and its job \(ends.first ?? "has no end")"
        }
        return nil
    }

    /// I14: what ended done has every effect; what turned has undone every effect, the newest first; nothing done runs again.
    static func undone(in history: History) -> Texts {
        history.sagas.values.compactMap { saga in
            let text = wrongOrder(saga) ?? repeated(saga) ?? leftOver(saga) ?? missing(saga, history)
            return text.map { (saga.name, "\(saga.id) \($0)") }
        }
    }

    /// Undos by the provider's order against the order in which the steps began.
    private static func wrongOrder(_ saga: SagaFacts) -> String? {
        let places = Dictionary(saga.steps.map { ($0.name, $0.sequence) }) { first, _ in first }
        var lowest: (step: String, place: Int64)?
        var seen: Set<String> = []
        for row in saga.payments where row.isUndo && seen.insert(row.step).inserted {
            guard let place = places[row.step] else { continue }
            if let lowest, place > lowest.place {
                return "undid \(row.step) after \(lowest.step), which had begun before it"
            }
            lowest = (row.step, place)
        }
        return nil
    }

    /// A step that was kept is asked for by a later delivery: then it runs again though it was done, or what was kept came from a
    /// delivery that had lost its saga.
    private static func repeated(_ saga: SagaFacts) -> String? {
        for mark in saga.marks("kept") {
            let asked = saga.payments.filter { $0.step == mark.move && !$0.isUndo }
            if let again = asked.first(where: { $0.fence > mark.fence }) {
                let when = again.monotonic > mark.at ? "again" : "before"
                // A delivery that was stopped before the step, and finds it done by the later one, may well read it.
                if when == "before", !asked.contains(where: { $0.fence == mark.fence }) { continue }
                return "kept \(mark.move) under fence \(mark.fence), and did it \(when) under \(again.fence)"
            }
        }
        return nil
    }

    private static func leftOver(_ saga: SagaFacts) -> String? {
        guard ["compensated", "cancelled"].contains(saga.state ?? "") else { return nil }
        let open = saga.steps.first { ["armed", "running", "stuck"].contains($0.undo) }
        return open.map { "is \(saga.state ?? ""), and the undo of \($0.name) is \($0.undo)" }
    }

    private static func missing(_ saga: SagaFacts, _ history: History) -> String? {
        guard saga.state == "done", let plan = history.plans[saga.name] else { return nil }
        let done = Set(saga.steps.filter { $0.state == "done" }.map(\.name))
        let missing = plan.effects.first { !done.contains($0) }
        return missing.map { "is done without its step \($0)" }
    }

    /// I15: once anything is undone, no later delivery does anything.
    static func begun(in history: History) -> Texts {
        history.sagas.values.compactMap { saga in
            guard let first = saga.payments.filter({ $0.isUndo && $0.fence >= 0 }).map(\.fence).min() else {
                return nil
            }
            let late = saga.payments.first { !$0.isUndo && $0.fence >= first }
            return late.map {
                (saga.name, "\(saga.id) did \($0.step) under fence \($0.fence), and had turned round by \(first)")
            }
        }
    }

    /// I16: by the provider's books, what the sagas that are done have done is there, once, and of all others nothing.
    static func balance(in history: History) -> Texts {
        guard history.phases["census"] != nil else { return [] }
        var texts: Texts = []
        var owners: [String: [SagaFacts]] = [:]
        for saga in history.sagas.values { owners[saga.keyBase, default: []].append(saga) }
        let accounts = history.accounts
        for (key, account) in accounts {
            let base = String(key.prefix { $0 != ":" })
            let sagas = owners[base] ?? []
            let kept = sagas.filter { $0.state == "done" }
            let open = sagas.filter { !$0.isOver }
            if account.done > 1 || account.undone > 1 {
                texts.append((account.saga, "\(key) was done \(account.done) times and undone \(account.undone) times"))
            } else if account.done - account.undone > 0, kept.isEmpty, open.isEmpty {
                let states = sagas.map { "\($0.id) is \($0.state ?? "unknown")" }.joined(separator: ", ")
                texts.append((account.saga, "\(key) was done and not undone, and \(states)"))
            } else if account.done - account.undone == 0, account.done > 0, !kept.isEmpty, kept.count == sagas.count {
                texts.append((account.saga, "\(key) was undone, and \(kept[0].id) is done"))
            }
        }
        for saga in history.sagas.values where saga.state == "done" {
            for step in history.plans[saga.name]?.effects ?? [] where accounts["\(saga.keyBase):\(step)"] == nil {
                texts.append((saga.name, "\(saga.id) is done, and the provider never did \(step)"))
            }
        }
        return texts
    }

    /// A part of I4: a delivery that has lost its saga may end what it had begun, and begins nothing more.
    static func stale(in history: History) -> Texts {
        history.sagas.values.compactMap { saga in
            var highest = Int64.min
            var late: [Int64: Set<String>] = [:]
            for row in saga.payments where row.fence >= 0 {
                highest = max(highest, row.fence)
                if row.fence < highest { late[row.fence, default: []].insert(row.step) }
            }
            // What it had begun is one step, or as many as run at a time.
            let atOnce = history.plans[saga.name]?.moves.map(\.effects.count).max() ?? 2
            return late.first { $0.value.count > max(1, atOnce) }.map { fence, steps in
                (
                    saga.name,
                    "\(saga.id): the delivery with fence \(fence) did \(steps.sorted().joined(separator: ", ")) after a later one"
                )
            }
        }
    }
}

/// What the provider has under a key.
package struct Account: Sendable, Hashable {
    package var saga: String
    package var cents: Int
    package var done = 0
    package var undone = 0
}

extension History {
    /// The provider's books, by key.
    package var accounts: [String: Account] {
        var accounts: [String: Account] = [:]
        for row in sagas.values.flatMap(\.payments) {
            var account = accounts[row.key] ?? Account(saga: row.saga, cents: row.cents)
            if row.outcome.isEffect {
                account.done += 1
                account.cents = row.cents
            }
            if row.outcome == .undone || row.outcome == .undoneLost { account.undone += 1 }
            accounts[row.key] = account
        }
        return accounts
    }
}
