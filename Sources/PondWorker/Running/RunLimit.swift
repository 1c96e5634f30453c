import PondCore

/// How long a run may go on, and what it is cancelled for when it does not end.
struct RunLimit: Sendable {
    var time: Duration
    /// The limit is what is left of the job's budget, not the time of one try.
    var isBudget = false
    var heartbeatInterval: Duration?

    init(time: Duration) {
        self.time = time
    }

    /// What a try of a job may take.
    init(_ job: Job, _ handler: Registered, _ budget: Budget) {
        time = job.timeout ?? handler.timeout
        heartbeatInterval = handler.heartbeatInterval
        // What is left of the wall budget ends a try as surely as its own time does.
        if let wall = budget.wall, wall - job.spent.wall < time {
            time = max(.zero, wall - job.spent.wall)
            isBudget = true
        }
    }

    func reason(after run: Duration, silentFor silence: Duration) -> CancelReason? {
        if run >= time { return isBudget ? .overBudget : .timeout(time) }
        if let interval = heartbeatInterval, silence >= interval { return .silent(interval) }
        return nil
    }
}
