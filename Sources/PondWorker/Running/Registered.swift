import PondCore

/// A registration at its place in a worker's registry, as jobs are run by it.
///
/// A class, because each job hands it on a dozen times, and a registration has a dozen parts to copy.
final class Registered: Sendable {
    let policy: RetryPolicy
    let timeout: Duration
    let budget: Budget
    /// Whether its jobs have a budget of their kind's.
    let isLimited: Bool
    let reserve: Spending
    /// The money that what goes forward may not spend.
    let undoReserve: USD
    let heartbeatInterval: Duration?
    let sampling: Double
    let resultTime: Duration
    let escalate: (@Sendable (Exhausted, JobContext) async throws -> Void)?
    /// The handler, inside of the middleware.
    let run: JobRegistration.Run
    /// By which what happens to its kind is counted.
    let place: Int
    /// Whether it stands for all kinds that have no handler here.
    let isUnknown: Bool

    init(_ registration: JobRegistration, place: Int, middleware: MiddlewareChain? = nil, isUnknown: Bool = false) {
        policy = registration.policy
        timeout = registration.timeout
        budget = registration.budget
        isLimited = !registration.budget.isUnlimited
        reserve = registration.reserve
        undoReserve = registration.undoReserve
        heartbeatInterval = registration.heartbeatInterval
        sampling = registration.sampling
        resultTime = registration.resultTime
        escalate = registration.escalate
        // Not with `??`: what passes through a generic function is wrapped, at each call of each job.
        if let middleware { run = middleware.around(registration.run) } else { run = registration.run }
        self.place = place
        self.isUnknown = isUnknown
    }
    /// What all tries of a job may take while it goes forward: without what is kept for undoing.
    func budget(of job: Job) -> Budget {
        // Most have none, and a budget has a dozen words to copy.
        guard hasBudget(job) else { return Budget() }
        var all = job.budget.filled(from: budget)
        if undoReserve != .zero, let usd = all.usd { all.usd = max(.zero, usd - undoReserve) }
        return all
    }

    /// Whether there is a limit to what all tries of a job take.
    func hasBudget(_ job: Job) -> Bool { isLimited || !job.budget.isUnlimited }

    /// What is said behind a budget that is used up.
    func reserveNote(_ cause: Cause) -> String {
        guard undoReserve != .zero, cause == .usdExhausted else { return "" }
        return "; \(undoReserve) of its budget is kept for undoing"
    }
}
