import PondCore

/// One try of a job: what its handler is given, and how long it may go on.
struct Attempt: Sendable {
    let registration: JobRegistration
    let context: JobContext
    let run: RunningTable.Run
    /// False for a job that is settled without having been run.
    let hasRun: Bool

    init(_ assignment: Assignment, _ registration: JobRegistration, _ clock: LocalClock, hasRun: Bool = true) {
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
        let started = clock.now()
        self.registration = registration
        self.hasRun = hasRun
        context = JobContext(
            job: job,
            queue: assignment.line.handlerQueue,
            started: started,
            deadline: started.advanced(by: limit.time),
            budget: budget,
            clock: clock
        )
        run = RunningTable.Run(
            assignment: assignment,
            context: context,
            registration: registration,
            started: started,
            limit: limit
        )
    }

    /// The try as it is told of, when it took so long.
    func ran(_ duration: Duration) -> Ran {
        Ran(started: run.started, duration: duration, sampling: registration.sampling)
    }
}
