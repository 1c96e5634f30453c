import PondCore

/// A registration at its place in a worker's registry, as jobs are run by it.
///
/// A class, because each job hands it on a dozen times, and a registration has a dozen parts to copy.
final class Registered: Sendable {
    let policy: RetryPolicy
    let timeout: Duration
    let budget: Budget
    let reserve: Spending
    let heartbeatInterval: Duration?
    let sampling: Double
    let escalate: (@Sendable (Exhausted, JobContext) async throws -> Void)?
    let run: @Sendable (JobContext) async throws -> Void
    /// By which what happens to its kind is counted.
    let place: Int

    init(_ registration: JobRegistration, place: Int) {
        policy = registration.policy
        timeout = registration.timeout
        budget = registration.budget
        reserve = registration.reserve
        heartbeatInterval = registration.heartbeatInterval
        sampling = registration.sampling
        escalate = registration.escalate
        run = registration.run
        self.place = place
    }
}
