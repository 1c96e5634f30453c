package import PondCore

/// What a handler's end means for its job: a pure function of how it ended.
package enum Verdict {
    /// The outcome of a job whose handler ended so.
    ///
    /// - Parameters:
    ///   - thrown: what the handler threw, nil when it returned.
    ///   - reason: why it was cancelled, nil when it was not.
    /// - Returns: nil when there is nothing to settle, because another worker has the job.
    package static func outcome(
        of job: Job,
        thrown: (any Error)?,
        cancelled reason: CancelReason?,
        policy: RetryPolicy,
        random: Double = .random(in: -1...1)
    ) -> Outcome? {
        if reason == .lost { return nil }
        // A handler that returned did its work, whatever was asked of it meanwhile.
        guard let thrown else { return .done }
        switch reason {
        case .stopping: return .released
        case .cancelled: return .cancelled
        case .timeout(let limit):
            return afterFailure(
                of: job,
                "timed out after \(limit.inSeconds) s",
                policy: policy,
                hint: nil,
                random: random
            )
        case .lost, nil:
            return outcome(of: job, error: thrown, policy: policy, random: random)
        }
    }

    private static func outcome(of job: Job, error: any Error, policy: RetryPolicy, random: Double) -> Outcome {
        switch error {
        case let error as PayloadCoding.Undecodable:
            return .dead(cause: .undecodable, error: error.text.cut(toBytes: Limits.errorTextBytesMax))
        case let error as GiveUp:
            return .dead(cause: Cause(error.cause), error: error.reason.cut(toBytes: Limits.errorTextBytesMax))
        case let error as RetryLater:
            return afterFailure(of: job, error.reason, policy: policy, hint: error.after, random: random)
        default:
            return afterFailure(of: job, describe(error), policy: policy, hint: nil, random: random)
        }
    }

    private static func afterFailure(
        of job: Job,
        _ text: String,
        policy: RetryPolicy,
        hint: Duration?,
        random: Double
    ) -> Outcome {
        let text = text.cut(toBytes: Limits.errorTextBytesMax)
        switch policy.afterFailure(attempt: job.attempt, jobAttemptsMax: job.attemptsMax, hint: hint, random: random) {
        case .retry(let delay): return .retry(after: delay, error: text)
        case .exhausted: return .dead(cause: .attemptsExhausted, error: text)
        }
    }

    private static func describe(_ error: any Error) -> String {
        "\(type(of: error)): \(error)"
    }
}
