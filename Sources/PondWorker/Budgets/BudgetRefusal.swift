import PondCore
import PondQueue

/// Why a budget lets something not be spent, and what that means for the job.
struct BudgetRefusal: Sendable, Hashable {
    let cause: Cause
    /// For people.
    let text: String
    /// What the intent says about it; nil where it has no say.
    let policy: IntentBudget.Policy?
    /// Whether the job rests, and then whether somebody is to decide; nil for a job that ends.
    let rests: Bool?
    let part: Usage.Part?
    let wanted: Int64
    /// When it looks again by itself: the window of the budget ends then.
    let until: ServerTime?

    /// - Returns: nil for an answer that is no refusal, and for one after which others may give back what is missing.
    init?(_ answer: LedgerAnswer, _ usage: Usage) {
        switch answer {
        case .ok, .same, .overrun, .wait: return nil
        case .exhausted(let found):
            self.init(
                cause: found.part.cause,
                text: Self.text(found, usage),
                policy: found.policy,
                part: found.part,
                wanted: usage[found.part],
                until: found.until
            )
        case .deadline(let late, let budget, let policy):
            self.init(
                cause: .wallExhausted,
                text: "the time of the budget \(budget) has been over for \(late.human)",
                policy: policy
            )
        case .frozen(let budget, let reason):
            let why = reason.isEmpty ? "" : ": \(reason)"
            self.init(cause: .budgetClosed, text: "somebody has frozen the budget \(budget)\(why)", policy: .pause)
        case .closed(let budget):
            self.init(cause: .budgetClosed, text: "the budget \(budget) is closed", policy: nil)
        case .unknown(let budget):
            self.init(
                cause: .budgetClosed,
                text: "there is no budget \(budget), or not any more; the job was to share one",
                policy: nil
            )
        }
    }

    private init(
        cause: Cause,
        text: String,
        policy: IntentBudget.Policy?,
        part: Usage.Part? = nil,
        wanted: Int64 = 0,
        until: ServerTime? = nil
    ) {
        (self.cause, self.text, self.policy, self.part) = (cause, text, policy, part)
        (self.wanted, self.until) = (wanted, until)
        switch policy {
        case .pause: rests = false
        case .ask: rests = true
        case .fail, .degrade, nil: rests = nil
        }
    }

    private static func text(_ found: LedgerAnswer.Exhausted, _ usage: Usage) -> String {
        let left = "the budget \(found.budget) has \(found.part.text(found.free)) of \(found.part.word) left"
        let wanted = usage[found.part]
        return wanted > 0 ? "\(left), and \(found.part.text(wanted)) is wanted" : left
    }
}

extension Usage.Part {
    /// Why a job is dead that wanted more of it than there is.
    var cause: Cause {
        switch self {
        case .usd: .usdExhausted
        case .tokens: .tokensExhausted
        case .calls: .callsExhausted
        case .retries: .retriesExhausted
        case .cpu: .cpuExhausted
        }
    }
}

extension Ledger {
    /// A job looks again by itself, for whoever topped the budget up and told nobody.
    private static let restMax = Duration.seconds(300)
    private static let restMin = Duration.seconds(1)

    /// Writes down that a job rests.
    ///
    /// - Returns: for how long; more money wakes it sooner. It is as long as it has rested already, so that looking again costs little.
    func rest(_ refusal: BudgetRefusal, _ name: String, job: String, asks: Bool) async throws(QueueError) -> Duration {
        let rested = try await rest(name, job: job, asks: asks, for: refusal.part, refusal.wanted) ?? .zero
        return min(max(rested, Self.restMin), Self.restMax)
    }
}
