import Logging
import PondCore
import PondQueue
import PondTelemetry

// What Millpond itself does around jobs goes through the same seam as what a program does: a span when there is a tracer,
// counts when there is a metrics system, and the log.

/// A span for each try, and below it one for each step of a saga and each undo.
struct TracingMiddleware: JobMiddleware {
    let tracer: QueueTracer

    func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
        let span = tracer.process(job.job, isPrompt: job.fetched?.isPrompt ?? true, wait: job.fetched?.waited)
        job.belong(to: span)
        try await span.around { try await next() }
    }

    func perform(_ step: StepContext, of job: JobContext, next: @Sendable () async throws -> Void) async throws {
        guard let parent = job.span else { return try await next() }
        let span = tracer.step(step.name, isUndo: step.isUndo, attempt: step.attempt, of: job.id, in: parent)
        do {
            try await span.around { try await next() }
            span.end()
        } catch {
            span.fail("\(Swift.type(of: error))", Verdict.describe(error))
            throw error
        }
    }

    func ended(_ job: JobContext, _ end: JobEnd) {
        let word = end.outcome.count.label
        switch end.outcome {
        case .retry(_, let error): job.span?.fail(Self.type(of: error), error, outcome: word)
        case .dead(let cause, let error): job.span?.fail(cause.name, error, outcome: word)
        default: job.span?.end(outcome: word)
        }
    }

    /// Errors begin with the name of their type, where they have one; anything else could be of any length and number.
    private static func type(of error: String) -> String {
        let name = error.prefix { $0 != ":" }
        let isName = name.utf8.count <= 80 && name.count < error.count && !name.contains { $0.isWhitespace }
        return isName ? String(name) : "failed"
    }
}

/// What is counted of each try, of each job's life, and of a saga's steps.
struct MetricsMiddleware: JobMiddleware {
    let metrics: WorkerMetrics

    func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
        metrics.began(job.handler.place, job.job.jobClass, wait: job.fetched?.waited)
        try await next()
    }

    func perform(_ step: StepContext, of job: JobContext, next: @Sendable () async throws -> Void) async throws {
        let (kind, began) = (metrics.label(of: job.handler.place), job.home.clock.now())
        func count(_ event: SagaMetrics.Event) { metrics.sagas.count(event, kind: kind, step: step.name) }
        defer { metrics.sagas.ran(kind: kind, for: began.duration(to: job.home.clock.now())) }
        if !step.isUndo { count(.begun) }
        do {
            try await next()
            count(step.isUndo ? .undone : .done)
        } catch {
            count(step.isUndo ? .undoFailed : .failed)
            throw error
        }
    }

    func ended(_ job: JobContext, _ end: JobEnd) {
        if let time = end.time {
            metrics.ran(job.handler.place, for: time)
        } else if let outcome = end.outcome, !outcome.traits.isCountedUnrun {
            return
        }
        metrics.ended(job.handler.place, end.outcome.count)
        // A compensation is of a job whose life has been counted, and so is a life that nothing was tried of.
        guard end.time != nil, end.outcome?.traits.isLast == true, job.job.phase == nil else { return }
        let total = job.fetched?.served.serverClock.now.map { $0.since(job.job.enqueuedAt) }
        metrics.closed(job.handler.place, job.job.jobClass, total: total, attempts: job.attempt)
    }
}

/// A line for each failure; for each end, when somebody wants to read so much.
struct LogMiddleware: JobMiddleware {
    /// Asking a logger each time costs as much as a claim on a lock.
    let isDebugging: Bool

    func ended(_ job: JobContext, _ end: JobEnd) {
        switch end.outcome {
        case .retry(let delay, let error):
            job.logger.warning(
                "attempt failed; trying again",
                metadata: ["error": "\(error)", "after_ms": "\(delay.wholeMilliseconds)"]
            )
        case .dead(let cause, let error):
            job.logger.error("job is dead", metadata: ["error": "\(error)", "cause": "\(cause)"])
        case let outcome:
            // The context's logger is made anew each time, with five words of metadata: a third of what a job costs.
            guard isDebugging else { return }
            job.logger.debug("attempt ended", metadata: ["outcome": "\(outcome?.traits.word ?? "lost")"])
        }
    }
}
