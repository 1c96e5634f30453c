public import PondCore
import Synchronization

extension JobContext {
    /// Reports money that the job has spent, over all tries counted against its budget.
    ///
    /// - Throws: `BudgetExhausted` when that is more than the budget allows; let it through, and the job is dead under
    ///   `budget_exhausted:usd`.
    public func spend(usd amount: USD) throws(BudgetExhausted) {
        let total = progress.withLock { progress in
            progress.usd = progress.usd + max(.zero, amount)
            return progress.usd
        }
        if let limit = budget.usd, job.spent.usd + total > limit {
            throw BudgetExhausted(
                .usdExhausted,
                "all tries together took \(job.spent.usd + total) of the allowed \(limit)"
                    + handler.reserveNote(.usdExhausted)
            )
        }
    }

    /// Reports CPU time that the job took in other processes, as their resource usage says.
    ///
    /// A try that reports none is charged its wall time.
    public func spend(cpu time: Duration) throws(BudgetExhausted) {
        let total = progress.withLock { progress in
            let total = (progress.cpu ?? .zero) + max(.zero, time)
            progress.cpu = total
            return total
        }
        if let limit = budget.cpu, job.spent.cpu + total > limit {
            throw BudgetExhausted(
                .cpuExhausted,
                "all tries together took \((job.spent.cpu + total).human) of CPU time of the allowed \(limit.human)"
            )
        }
    }

    /// What all tries together took until now.
    var spentNow: Spending { spent(after: runningTime) }

    /// What all tries together took, this one up to now included.
    func spent(after run: Duration) -> Spending {
        let now = lastProgress
        return job.spent + Spending(wall: run, cpu: now.cpu ?? run, usd: now.usd)
    }
}

/// Thrown to a handler whose job has used up its budget.
public struct BudgetExhausted: Error, Sendable, CustomStringConvertible {
    /// Which part of the budget.
    public let cause: Cause
    /// What was spent of what.
    public let text: String

    /// What its intent says about that; nil when it is the job's own budget that is used up.
    public let policy: IntentBudget.Policy?
    /// How long the job rests, when it is not dead.
    let rest: Duration?

    init(_ cause: Cause, _ text: String, policy: IntentBudget.Policy? = nil, rest: Duration? = nil) {
        self.cause = cause
        self.text = text
        self.policy = policy
        self.rest = rest
    }

    public var description: String { text }
}
