package import PondCore
package import PondQueue

/// What a handler's end means for its job: a pure function of how it ended.
package enum Verdict {
    /// The outcome of a job whose handler ended so.
    ///
    /// - Parameters:
    ///   - thrown: what the handler threw, nil when it returned.
    ///   - reason: why it was cancelled, nil when it was not.
    ///   - isLimited: whether it holds limits, so that what the other side finds too much costs it no try.
    /// - Returns: nil when there is nothing to settle, because another worker has the job.
    package static func outcome(
        of job: Job,
        thrown: (any Error)?,
        cancelled reason: CancelReason?,
        policy: RetryPolicy,
        budget: Budget = Budget(),
        reserve: Spending = Spending(),
        spent: @autoclosure () -> Spending = Spending(),
        isLimited: @autoclosure () -> Bool = false,
        random: @autoclosure () -> Double = .random(in: -1...1)
    ) -> Outcome? {
        if reason == .lost { return nil }
        // A handler that returned did its work, whatever was asked of it meanwhile: cancelling in Swift is a request, and only
        // the handler knows whether it heard it before or after its last step. What runs elsewhere, and is ended by us, throws
        // `CancellationError` when it ends, whatever its exit code says: a program that exits with 0 on our SIGTERM has not
        // done its work.
        guard let thrown else { return job.phase == nil ? .done : .compensated }
        let spent = spent()
        // A random number is a system call, so it is drawn for failures only.
        let terms = Terms(policy: policy, budget: budget, reserve: reserve, spent: spent, random: random())
        switch reason {
        case .stopping: return .released
        case .cancelled: return .cancelled
        case .timeout(let limit):
            return afterFailure(of: job, "timed out after \(limit.human)" + note(on: thrown), terms)
        case .silent(let interval):
            return afterFailure(of: job, "no heartbeat for \(interval.human)" + silenceNote(on: thrown), terms)
        case .overBudget:
            let exhaustion = budget.obstacle(after: spent)
            return .dead(cause: .wallExhausted, error: exhaustion?.text ?? "its time over all tries is used up")
        case .lost, nil:
            if let rest = throttling(of: thrown), isLimited() {
                return .postponed(for: max(rest, policy.backoff.delay(afterFailures: 1, random: terms.random)))
            }
            return outcome(of: job, error: thrown, terms)
        }
    }

    /// How long the other side wants to be left alone, zero when it did not say; nil for an error that says nothing of that.
    static func throttling(of error: any Error) -> Duration? {
        switch error {
        case let error as RetryLater: return error.after > .zero ? error.after : nil
        case let error as any PermanentFailure where error.permanentCause != nil: return nil
        case let error as any ToldFailure where error.isThrottled: return error.retryAfter ?? .zero
        default: return nil
        }
    }

    /// What the limits of a job learn from how its handler ended; nil leaves it to the outcome: done, or failed for one that is
    /// tried again.
    package static func limitNews(
        _ thrown: (any Error)?,
        cancelled reason: CancelReason?,
        _ outcome: Outcome
    ) -> LimitNews? {
        guard let thrown else { return nil }
        if reason == nil, let rest = throttling(of: thrown) { return .throttled(rest) }
        // Its last try failed like those before it.
        if case .dead(.attemptsExhausted, _) = outcome { return .failed }
        return nil
    }

    /// What a failure has in common with others, by how the handler ended; nil for an outcome that is no failure.
    package static func root(
        of job: Job,
        outcome: Outcome,
        thrown: (any Error)?,
        cancelled reason: CancelReason?
    ) -> RootCause? {
        guard !outcome.isDone, outcome.traits.isFailure else { return nil }
        let kind = job.kind.text
        switch reason {
        case .timeout(let limit):
            return RootCause(.init(type: "timeout", message: "timed out after \(limit.human)"), kind: kind)
        case .silent(let interval):
            return RootCause(.init(type: "silence", message: "no heartbeat for \(interval.human)"), kind: kind)
        case .overBudget: return RootCause(.init(type: Cause.wallExhausted.name, message: ""), kind: kind)
        case .stopping, .cancelled, .lost, nil: return thrown.map { RootCause(of: $0, kind: kind) }
        }
    }

    private static func outcome(of job: Job, error: any Error, _ terms: Terms) -> Outcome {
        switch error {
        case let error as PayloadCoding.Undecodable:
            return .dead(cause: .undecodable, error: error.text.cut(toBytes: Limits.errorTextBytesMax))
        case let error as ResultRefused: return .dead(cause: .result, error: error.text)
        case let error as GiveUp:
            return .dead(cause: Cause(error.cause), error: error.reason.cut(toBytes: Limits.errorTextBytesMax))
        case let error as any PermanentFailure where error.permanentCause != nil:
            let cause = error.permanentCause ?? .failed
            return .dead(cause: cause, error: describe(error).cut(toBytes: Limits.errorTextBytesMax))
        case let error as Snooze: return .postponed(for: error.time)
        case let error as LimitReached: return .postponed(for: max(error.after, .milliseconds(50)))
        case is CancelJob: return .cancelled
        case let error as BudgetExhausted:
            if let rest = error.rest { return .rests(for: rest, reason: error.text) }
            return .dead(cause: error.cause, error: error.text)
        case let error as RetryLater:
            return afterFailure(of: job, error.reason, hint: error.after, terms)
        default:
            return afterFailure(of: job, describe(error), hint: (error as? any ToldFailure)?.retryAfter, terms)
        }
    }

    /// What a handler that was stopped leaves to be said, as in `; it wrote nothing`.
    private static func note(on error: any Error) -> String {
        (error as? any ToldFailure)?.stopNote.map { "; \($0)" } ?? ""
    }

    private static func silenceNote(on error: any Error) -> String {
        let how = (error as? any ToldFailure)?.silenceNote.map { "; \($0)" } ?? ""
        return how + note(on: error)
    }

    /// Another try, unless the tries or a part of the budget are used up; the first that is names the cause.
    private static func afterFailure(of job: Job, _ text: String, hint: Duration? = nil, _ terms: Terms) -> Outcome {
        let text = text.cut(toBytes: Limits.errorTextBytesMax)
        let decision = terms.policy.afterFailure(
            attempt: job.attempt,
            jobAttemptsMax: job.attemptsMax,
            hint: hint,
            random: terms.random
        )
        guard case .retry(let delay) = decision else { return .dead(cause: .attemptsExhausted, error: text) }
        guard let exhaustion = terms.budget.obstacle(after: terms.spent, reserving: terms.reserve) else {
            return .retry(after: delay, error: text)
        }
        let both = "\(exhaustion.text); the last error was: \(text)"
        return .dead(cause: exhaustion.cause, error: both.cut(toBytes: Limits.errorTextBytesMax))
    }

    /// What a failed try is judged by.
    private struct Terms {
        var policy: RetryPolicy
        var budget: Budget
        var reserve: Spending
        var spent: Spending
        var random: Double
    }

    /// A failure in the words that are kept of it.
    static func describe(_ error: any Error) -> String {
        (error as? any ToldFailure)?.keptText ?? "\(type(of: error)): \(error)"
    }
}
