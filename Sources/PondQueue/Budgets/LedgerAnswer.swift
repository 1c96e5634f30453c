package import PondCore

/// What the budgets answer to whoever wants to spend, or has spent.
package enum LedgerAnswer: Sendable, Hashable {
    /// It is so. Of a new budget, of a reservation, and of its end.
    case ok
    /// It was so already, as the first time; in which state.
    case same(String)
    /// Others hold what is missing, and may give it back.
    case wait(Usage.Part, free: Int64, budget: String)
    /// It does not fit, whatever others give back.
    case exhausted(Exhausted)
    /// The intent's time is over.
    case deadline(late: Duration, budget: String, policy: IntentBudget.Policy)
    /// Written down, and more than the budget allows.
    case overrun(Usage.Part, by: Int64, budget: String)
    /// Somebody has stopped it.
    case frozen(budget: String, reason: String)
    case closed(budget: String)
    /// There is no such budget, or no such reservation.
    case unknown(budget: String)

    /// Which budget is used up.
    package struct Exhausted: Sendable, Hashable {
        /// What of it.
        package var part: Usage.Part
        /// What is left.
        package var free: Int64
        /// The budget's name, that of its window behind an `@`.
        package var budget: String
        /// What the intent says about that.
        package var policy: IntentBudget.Policy
        /// When the window of the budget ends; nil when it has none.
        package var until: ServerTime?

        /// What was missing, and where.
        package init(
            _ part: Usage.Part,
            free: Int64,
            budget: String,
            policy: IntentBudget.Policy,
            until: ServerTime? = nil
        ) {
            (self.part, self.free, self.budget, self.policy, self.until) = (part, free, budget, policy, until)
        }
    }

    /// Whether it is written down.
    package var isWritten: Bool {
        switch self {
        case .ok, .same, .overrun: true
        case .wait, .exhausted, .deadline, .frozen, .closed, .unknown: false
        }
    }

    init(_ reader: inout ReplyReader) throws(QueueError) {
        let word = try reader.text()
        switch word {
        case "ok": self = .ok
        case "same": self = .same(try reader.text())
        case "wait":
            self = .wait(try reader.part(), free: try reader.number(), budget: try reader.text())
        case "exhausted":
            let (part, free, budget) = (try reader.part(), try reader.number(), try reader.text())
            let policy = try reader.policy()
            self = .exhausted(
                Exhausted(part, free: free, budget: budget, policy: policy, until: try reader.timeIfAny())
            )
        case "deadline":
            let (late, budget) = (Duration.milliseconds(try reader.number()), try reader.text())
            _ = try reader.text()
            self = .deadline(late: late, budget: budget, policy: try reader.policy())
        case "overrun":
            self = .overrun(try reader.part(), by: try reader.number(), budget: try reader.text())
        case "frozen": self = .frozen(budget: try reader.text(), reason: try reader.text())
        case "closed": self = .closed(budget: try reader.text())
        case "unknown": self = .unknown(budget: try reader.text())
        default:
            throw QueueError(.unexpectedReply, "pond_ledger answered \"\(word)\", which this version does not know")
        }
    }
}

extension ReplyReader {
    fileprivate mutating func part() throws(QueueError) -> Usage.Part {
        let text = try text()
        guard let part = Usage.Part(rawValue: text) else {
            throw QueueError(.unexpectedReply, "pond_ledger spoke of \"\(text)\", which this version does not count")
        }
        return part
    }

    fileprivate mutating func policy() throws(QueueError) -> IntentBudget.Policy {
        IntentBudget.Policy(rawValue: try text()) ?? .fail
    }
}
