import FoundationEssentials
import PondCore

/// What an outbox keeps of a job beside its payload: JSON with the names of the wire format.
///
/// Rows outlive programs, so members are only ever added, and each is optional but the kind.
struct OutboxEnvelope: Codable, Sendable, Equatable {
    var kind: String
    var key: String?
    var correlationID: String?
    var causationID: String?
    var traceparent: String?
    var tracestate: String?
    var jobClass: String?
    var attemptsMax: Int?
    var timeout: Int64?
    var expires: Int64?
    var budgetWall: Int64?
    var budgetCPU: Int64?
    var budgetUSD: Int64?
    var intentBudget: String?
    var delay: Int64?
    var runAt: Int64?
    var priority: String?
    var checksDepth: Bool?
    var headers: [String: String]?

    enum CodingKeys: String, CodingKey {
        case kind, key, traceparent, tracestate, priority, headers
        case correlationID = "correlation_id"
        case causationID = "causation_id"
        case jobClass = "class"
        case attemptsMax = "max_attempts"
        case timeout = "timeout_ms"
        case expires = "expires_ms"
        case budgetWall = "budget_wall_ms"
        case budgetCPU = "budget_cpu_ms"
        case budgetUSD = "budget_usd_micros"
        case intentBudget = "intent_budget"
        case delay = "delay_ms"
        case runAt = "run_at_ms"
        case checksDepth = "checks_depth"
    }

    init(_ job: NewJob) {
        let options = job.options
        kind = job.kind.text
        key = options.key?.text
        correlationID = options.correlationID
        causationID = options.causationID
        traceparent = options.traceparent
        tracestate = options.tracestate
        jobClass = options.jobClass?.rawValue
        attemptsMax = options.attemptsMax
        timeout = options.timeout?.wholeMilliseconds
        expires = options.expires?.milliseconds
        budgetWall = options.budget.wall?.wholeMilliseconds
        budgetCPU = options.budget.cpu?.wholeMilliseconds
        budgetUSD = options.budget.usd?.micros
        intentBudget = options.intentBudget?.description
        delay = options.delay?.wholeMilliseconds
        runAt = options.runAt?.milliseconds
        priority = options.priority == .normal ? nil : options.priority.rawValue
        checksDepth = options.checksDepth ? true : nil
        headers = options.headers.isEmpty ? nil : options.headers
    }

    /// The job as it goes to the queue.
    ///
    /// - Parameters:
    ///   - ownKey: the key of a job that was given none.
    ///   - waited: the time since the job was written, which its delay has had already.
    func job(data: [UInt8], ownKey: String, waited: Duration) throws -> NewJob {
        var job = NewJob(kind: try JobKind(kind), data: data)
        job.options.key = try IdempotencyKey(key ?? ownKey)
        job.options.correlationID = correlationID
        job.options.causationID = causationID
        job.options.traceparent = traceparent
        job.options.tracestate = tracestate
        job.options.jobClass = jobClass.flatMap { JobClass(rawValue: $0) }
        job.options.attemptsMax = attemptsMax
        job.options.timeout = timeout.map { .milliseconds($0) }
        job.options.expires = expires.map { ServerTime(milliseconds: $0) }
        job.options.budget = Budget(
            wall: budgetWall.map { .milliseconds($0) },
            cpu: budgetCPU.map { .milliseconds($0) },
            usd: budgetUSD.map { USD(micros: $0) }
        )
        job.options.intentBudget = try intentBudget.map { text throws(PondError) in try IntentBudget(text) }
        job.options.delay = remainder(after: waited)
        job.options.runAt = runAt.map { ServerTime(milliseconds: $0) }
        job.options.priority = priority.flatMap { Priority(rawValue: $0) } ?? .normal
        job.options.checksDepth = checksDepth ?? false
        job.options.headers = headers ?? [:]
        return job
    }

    /// What is left of the delay, nil when nothing is.
    private func remainder(after waited: Duration) -> Duration? {
        guard let delay else { return nil }
        // A clock that was turned back must not make the delay longer.
        let left = Duration.milliseconds(delay) - max(.zero, waited)
        return left > .zero ? left : nil
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

extension NewJob {
    /// - Throws: `OutboxError.invalid` when no queue would take the job.
    func checkForOutbox() throws(OutboxError) {
        var job = self
        do throws(PondError) {
            // It goes out with a key in any case, and a key is a field.
            if job.options.key == nil { job.options.key = try IdempotencyKey("outbox") }
            _ = try job.fields()
        } catch {
            throw OutboxError(.invalid, "the job \(kind) cannot be enqueued: \(error.message); nothing was written")
        }
        if let delay = options.delay {
            guard options.runAt == nil else {
                throw OutboxError(.invalid, "the job \(kind) has both a delay and a time to run at; give it one")
            }
            guard (.zero...Limits.delayMax).contains(delay) else {
                throw OutboxError(.invalid, "the job \(kind) has a delay of \(delay), allowed are 0 to ten years")
            }
        }
        if let runAt = options.runAt, runAt.milliseconds < 0 {
            throw OutboxError(.invalid, "the job \(kind) is to run at \(runAt.milliseconds), which is before 1970")
        }
    }
}
