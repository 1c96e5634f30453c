/// What must have happened at least once, or the run has shown nothing about it.
package struct Gate: Sendable, Hashable {
    package var name: String
    package var seen: Int
    package var wanted: Int

    package init(_ name: String, seen: Int, wanted: Int = 1) {
        self.name = name
        self.seen = seen
        self.wanted = wanted
    }

    package var isReached: Bool { seen >= wanted }
}

extension History {
    /// The "sometimes" of a run: a fault kind that never fired, or a path that was never taken, makes it inconclusive.
    package func gates() -> [Gate] {
        let planned = setup["faults"]?.split(separator: ",").map { String($0) } ?? []
        let fired = Dictionary(grouping: faults, by: \.fault).mapValues(\.count)
        var gates = planned.map { Gate("fault \($0)", seen: fired[$0] ?? 0) }
        guard setup["gates"] != "none" else { return gates }
        gates.append(Gate("reclaim", seen: counts["reclaimed"] ?? 0))
        gates.append(Gate("refused settle or effect", seen: refusals))
        gates.append(Gate("quarantine", seen: quarantined.count))
        if planned.contains("function-flush") {
            gates.append(Gate("missing function", seen: events[.libraryLoaded] ?? 0))
        }
        if planned.contains("supervisor-kill") {
            gates.append(Gate("lifeline exit", seen: events[.lifeline] ?? 0))
        }
        if has("keys") { gates.append(Gate("tombstone hit", seen: tombstoneHits)) }
        if has("budgets") { gates.append(Gate("budget exhausted", seen: exhausted)) }
        return has("sagas") ? gates + sagaGates : gates
    }

    /// What sagas must have come by.
    private var sagaGates: [Gate] {
        let figures = SagaFigures(self)
        return ["done", "compensated", "cancelled"].map { Gate("saga \($0)", seen: figures.states[$0] ?? 0) } + [
            Gate("child saga", seen: figures.children), Gate("replayed saga", seen: figures.replays),
            Gate("answered token", seen: figures.answered), Gate("token refused", seen: figures.refusedAnswers),
            Gate("timer", seen: figures.timers), Gate("undo that failed for good", seen: figures.stuck),
            Gate("late commit", seen: figures.late), Gate("crash at a saga's transition", seen: figures.crashes),
        ]
    }

    /// Jobs that are dead because a part of their budget was used up.
    package var exhausted: Int {
        places.values.joined().count { $0.place == "dead" && $0.detail.hasPrefix("budget_exhausted:") }
    }

    /// Stale commits that were refused, by the queue's journal or by the ledger.
    package var refusals: Int {
        (counts["lost"] ?? 0) + jobs.values.reduce(0) { $0 + $1.effects.count { !$0.isAccepted } }
    }

    /// Jobs in quarantine, by whether they were made to get there.
    package var quarantined: [(job: String?, wasMeant: Bool)] {
        places.values.joined().filter { $0.place == "dead" && $0.detail == "poison" }.map { place in
            (place.job, place.job.map { jobs[$0]?.type == "poison" } ?? false)
        }
    }

    /// Jobs that met their key taken.
    package var tombstoneHits: Int {
        (events[.enqueueDuplicate] ?? 0) + ends.values.reduce(0) { $0 + $1.count { $0 == "duplicate" } }
    }
}
