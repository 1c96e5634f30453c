import FoundationEssentials

/// A saga's life, as all processes, the provider and the queue's journal together saw it.
package struct SagaFacts: Sendable {
    /// Something that its handler came by.
    package struct Mark: Sendable, Hashable {
        package var what: String
        package var move: String
        package var n: Int64
        package var fence: Int64
        package var at: Int64
    }

    /// A step as Redis remembers it.
    package struct Step: Sendable, Hashable {
        package var name: String
        package var state: String
        package var undo: String
        package var sequence: Int64
        /// Whether it was written down when the saga had turned round.
        package var isLate = false
    }

    package let id: String
    package var name = ""
    package var runs = 0
    package var marks: [Mark] = []
    package var payments: [PaymentRow] = []
    /// What the journal tells, in order: the event, and what follows the id.
    package var events: [(event: String, detail: String)] = []
    /// Its state at the end, nil when Redis does not know it.
    package var state: String?
    package var reason = ""
    /// What its keys begin with.
    package var keyBase: String
    package var steps: [Step] = []

    package init(id: String) {
        self.id = id
        keyBase = id
    }

    package var isOver: Bool {
        state.map { ["done", "compensated", "cancelled", "failed", "abandoned"].contains($0) } ?? false
    }
    /// What it turned round to, nil when it never did.
    package var turn: String? { events.first { $0.event == "turned" }?.detail }
    /// Whether its turn counts as a failure of its service level.
    package var hasFailedTurn: Bool {
        guard let turn else { return false }
        let reason = turn.drop { !$0.isWhitespace }.drop { $0.isWhitespace }
        return turn.hasPrefix("compensated")
            || ["deadline", "expired", "budget"].contains { reason.hasPrefix($0) }
    }
    /// What the counters of its class have more or less than its ends say.
    var countedByTurn: Int {
        guard let turned = events.firstIndex(where: { $0.event == "turned" }) else { return 0 }
        return (hasFailedTurn ? 1 : 0) - events[turned...].count { $0.event == "dead" }
    }

    func marks(_ what: String) -> [Mark] { marks.filter { $0.what == what } }
}

/// What the queue said to an answer of a token.
package struct TokenAnswer: Sendable, Hashable {
    package var id: String
    package var move: String
    package var value: Int64
    package var said: String
}

extension History {
    /// Takes in what was asked of the provider.
    package mutating func apply(_ row: PaymentRow) {
        sagas[row.id, default: SagaFacts(id: row.id)].payments.append(row)
        if sagas[row.id]?.name == "" { name(row.id, row.saga) }
    }

    private mutating func name(_ id: String, _ name: String) {
        sagas[id, default: SagaFacts(id: id)].name = name
        names[id] = name
    }

    mutating func applyToSaga(_ event: Event) {
        if event.kind == .sagaGiven {
            let plan = event.text.flatMap { try? JSONDecoder().decode(SagaPlan.self, from: Data($0.utf8)) }
            for plan in plan?.all ?? [] { plans[plan.name] = plan }
        }
        guard let id = event.id else { return }
        if let job = event.job { name(id, job) }
        var saga = sagas[id] ?? SagaFacts(id: id)
        switch event.kind {
        case .sagaRun: saga.runs += 1
        case .sagaMark:
            saga.marks.append(
                SagaFacts.Mark(
                    what: event.text ?? "",
                    move: event.target ?? "",
                    n: event.n ?? 0,
                    fence: event.fence ?? 0,
                    at: event.monotonic
                )
            )
        case .sagaRecord:
            (saga.state, saga.reason) = (event.text, event.target ?? "")
            saga.keyBase = event.key ?? id
        case .sagaStep:
            saga.steps.append(
                SagaFacts.Step(
                    name: event.target ?? "",
                    state: event.text ?? "",
                    undo: event.type ?? "",
                    sequence: event.n ?? 0,
                    isLate: event.attempt == 1
                )
            )
        case .sagaEvent: saga.events.append((event.target ?? "", event.text ?? ""))
        case .token:
            answers[event.key ?? "", default: []].append(
                TokenAnswer(id: id, move: event.target ?? "", value: event.n ?? 0, said: event.text ?? "")
            )
        default: break
        }
        sagas[id] = saga
    }
}
