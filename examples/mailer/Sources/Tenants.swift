import Millpond

/// Carries the tenant that a job belongs to on to whatever its handler enqueues.
struct Tenants: JobMiddleware {
    @TaskLocal static var current: String?

    func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
        // Settles the job itself: its handler does not run.
        if job.headers["tenant"] == "closed" { throw CancelJob("the tenant's account is closed") }
        // Before the handler …
        try await Tenants.$current.withValue(job.headers["tenant"]) {
            do {
                try await next()
                // … after it …
            } catch let error as GiveUp {
                // … and when it threw.
                job.logger.warning("a tenant's job gives up", metadata: ["tenant": "\(Tenants.current ?? "none")"])
                throw error
            }
        }
    }

    func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
        var jobs = jobs
        for index in jobs.indices { jobs[index].options.headers["tenant"] = Tenants.current }
        return try await next(jobs)
    }

    func ended(_ job: JobContext, _ end: JobEnd) {
        guard case .dead(let cause, _) = end.outcome else { return }
        job.logger.error("tell the tenant", metadata: ["cause": "\(cause)"])
    }
}

extension Mailer {
    var middleware: [any JobMiddleware] { [Tenants()] }
}
