import PondCore
import PondQueue

/// Looks at the budgets: reservations that nobody settled, sums that differ from their journals, and who waits for money.
struct DoctorBudgets {
    private let ledger: Ledger

    /// So many of the budgets that were used last are looked at.
    private static let budgetsMax = 50
    /// Whoever uses a budget settles what is past its time; later than this, nobody does.
    private static let patience = Duration.seconds(60)
    private static let check = "budgets"

    init(_ pond: Pond) { ledger = pond.ledger }

    func findings() async throws -> [DoctorFinding] {
        let names = try await ledger.names(atMost: Self.budgetsMax)
        let definitions = try await ledger.definitions()
        guard !names.isEmpty || !definitions.isEmpty else { return [] }
        var found = try await late()
        var (wanted, equal) = ([BudgetState](), 0)
        for name in names {
            if case .differs(let sums) = try await ledger.check(name) {
                found.append(Self.differs(name, sums))
            } else {
                equal += 1
            }
            if let state = try await ledger.show(name), state.resting > 0 || state.wantedSince != nil {
                wanted.append(state)
            }
        }
        if let first = wanted.first { found.append(Self.wanted(first, of: wanted.count)) }
        return found.isEmpty ? [.ok(Self.check, "the sums of \(equal.of("budget")) agree with their journals")] : found
    }

    private func late() async throws -> [DoctorFinding] {
        let late = try await ledger.late(by: Self.patience)
        guard let first = late.first else { return [] }
        return [
            .warning(
                Self.check,
                "\(late.count.of("reservation", ("is", "are"))) past the time by more than \(Self.patience.human); the oldest is "
                    + "\(first.id) of \(first.budget)",
                advice: "workers that run jobs with a budget settle them, and so does every use of a budget: "
                    + Action.budget(first.budget).inSentence
            )
        ]
    }

    static func differs(_ name: String, _ sums: [BudgetCheck.Difference]) -> DoctorFinding {
        let text = sums.map { "\($0.sum) is \($0.budget), its journal says \($0.journal)" }.joined(separator: "; ")
        return .failure(
            check,
            "the budget \(name) differs from its journal: \(text)",
            advice: "somebody wrote to its keys by hand, or the server lost a part of its data; "
                + "\(Action.checkBudget(name).inSentence) shows both"
        )
    }

    private static func wanted(_ state: BudgetState, of count: Int) -> DoctorFinding {
        .warning(
            check,
            "\(count.of("budget", ("has", "have"))) jobs that rest until there is more; the one used last is \(state.name) with "
                + state.resting.of("job"),
            advice: "\(Action.budgets.inSentence) lists them, \(Action.topUp(state.name).inSentence) lets them go on"
        )
    }
}
