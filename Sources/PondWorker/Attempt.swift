import PondCore
import PondTelemetry

/// One try of a job: what its handler is given, and how long it may go on.
///
/// A class, because its slot and the table of what runs both have it.
final class Attempt: Sendable {
    let assignment: Assignment
    let registration: Registered
    let context: JobContext
    let started: LocalInstant
    let limit: RunningTable.RunLimit
    /// False for a job that is settled without having been run.
    let hasRun: Bool
    /// Nil without a tracer, and for a job that is not run.
    let span: QueueSpan?

    init(
        _ assignment: Assignment,
        _ registration: Registered,
        _ clock: LocalClock,
        hasRun: Bool = true,
        tracer: QueueTracer? = nil
    ) {
        let job = assignment.job
        let budget = job.budget.filled(from: registration.budget)
        var limit = RunningTable.RunLimit(
            time: job.timeout ?? registration.timeout,
            heartbeatInterval: registration.heartbeatInterval
        )
        // What is left of the wall budget ends a try as surely as its own time does.
        if let wall = budget.wall, wall - job.spent.wall < limit.time {
            limit.time = max(.zero, wall - job.spent.wall)
            limit.isBudget = true
        }
        started = clock.now()
        self.limit = limit
        self.assignment = assignment
        self.registration = registration
        self.hasRun = hasRun
        span = tracer?.process(job, isPrompt: assignment.isPrompt, wait: assignment.waited)
        context = JobContext(
            job: job,
            queue: assignment.line.handlerQueue,
            started: started,
            deadline: started.advanced(by: limit.time),
            budget: budget,
            clock: clock,
            span: span
        )
    }

    /// The try as it is told of, when it took so long.
    func ran(_ duration: Duration) -> Ran {
        Ran(started: started, duration: duration, sampling: registration.sampling)
    }
}
