import PondCore
import PondQueue
import PondTelemetry

// What is told of a try to whoever measures: metrics when a metrics system is set up, a span when a tracer is. Without
// either all of this is two tests for nil a job.
extension QueueLine {
    /// A handler begins.
    func noteBegin(_ attempt: Attempt) {
        guard let metrics else { return }
        let assignment = attempt.assignment
        metrics.began(attempt.registration.place, assignment.job.jobClass, wait: assignment.waited)
    }

    /// A try has ended, or a job without one.
    ///
    /// - Parameters:
    ///   - outcome: nil when another worker has the job.
    ///   - time: how long its handler ran; nil when it did not.
    func noteEnd(_ attempt: Attempt, _ outcome: Outcome?, after time: Duration?) {
        if let metrics {
            if let time { metrics.ran(attempt.registration.place, for: time) }
            metrics.ended(attempt.registration.place, outcome.counted)
            if outcome.isLast { close(attempt, metrics) }
        }
        attempt.span?.end(outcome)
    }

    private func close(_ attempt: Attempt, _ metrics: WorkerMetrics) {
        let job = attempt.assignment.job
        // A compensation is of a job that has been counted.
        guard job.phase == nil else { return }
        let total = serverClock.now.map { $0.since(job.enqueuedAt) }
        metrics.closed(attempt.registration.place, job.jobClass, total: total, attempts: job.attempt)
    }

    /// A job was settled that did not run here.
    func noteEnd(_ outcome: Outcome, _ registration: Registered?) {
        switch outcome {
        case .expired, .duplicate, .dead, .cancelled:
            metrics?.ended(registration?.place, Optional(outcome).counted)
        // It goes on elsewhere, or later, and is counted there.
        case .done, .compensated, .retry, .released, .deferred, .postponed: break
        }
    }
}

extension Assignment {
    /// How long the job had been ready until now; nil while Redis' clock is not known.
    var waited: Duration? {
        guard let now = line.serverClock.now, let ready = readySince else { return nil }
        return max(.zero, now.since(ready))
    }

    /// Whether this is the first try of a job that is where its producer put it.
    var isPrompt: Bool { job.attempt == 1 && receipt.stream.ownID(entry: receipt.entry) == job.id }
}

extension Attempt {
    /// Runs the handler, as a part of the try's span.
    nonisolated(nonsending) func perform() async throws {
        guard let span else { return try await registration.run(context) }
        try await span.around { try await registration.run(context) }
    }
}

extension Outcome? {
    /// Whether the job is done or dead.
    fileprivate var isLast: Bool {
        switch self {
        case .done, .dead: true
        default: false
        }
    }

    fileprivate var counted: WorkerMetrics.Outcome {
        switch self {
        case .done: .success
        case .retry: .retry
        case .dead: .dead
        case .released, .deferred, .postponed: .released
        case .cancelled: .cancelled
        case .duplicate: .duplicate
        case .expired: .expired
        case .compensated: .compensated
        case nil: .lostLease
        }
    }
}

extension QueueSpan {
    fileprivate func end(_ outcome: Outcome?) {
        let word = outcome.counted.label
        switch outcome {
        case .retry(_, let error): fail(QueueSpan.type(of: error), error, outcome: word)
        case .dead(let cause, let error): fail(cause.name, error, outcome: word)
        default: end(outcome: word)
        }
    }

    /// Errors begin with the name of their type, where they have one; anything else could be of any length and number.
    private static func type(of error: String) -> String {
        let name = error.prefix { $0 != ":" }
        let isName = name.utf8.count <= 80 && name.count < error.count && !name.contains { $0.isWhitespace }
        return isName ? String(name) : "failed"
    }
}
