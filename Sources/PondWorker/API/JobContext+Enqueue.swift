public import PondCore
public import PondQueue

extension JobContext {
    /// Enqueues a child job.
    ///
    /// It inherits the correlation id and the trace, and names this job as what caused it.
    ///
    /// A job that is tried again enqueues its children again: make them safe to run twice.
    ///
    /// - Parameter queueName: where to. Defaults to this job's queue.
    @discardableResult
    public func enqueue<Handler: JobHandler>(
        _ handler: Handler.Type,
        _ payload: Handler.Payload,
        _ options: EnqueueOptions = EnqueueOptions(),
        to queueName: String? = nil
    ) async throws -> EnqueueAnswer where Handler.Payload: Encodable {
        try await enqueue(NewJob(handler, payload, options), to: queueName)
    }

    /// Enqueues a child job of any kind.
    @discardableResult
    public func enqueue(_ job: NewJob, to queueName: String? = nil) async throws -> EnqueueAnswer {
        let target = try queueName.map { name throws(PondError) in try queue.pond.queue(name) } ?? queue
        return try await target.enqueue(asChild(job))
    }

    /// Enqueues many child jobs in one round trip.
    ///
    /// - Throws: the first refusal; children before and after it may have been enqueued.
    @discardableResult
    public func enqueue(_ jobs: [NewJob], to queueName: String? = nil) async throws -> [EnqueueAnswer] {
        let target = try queueName.map { name throws(PondError) in try queue.pond.queue(name) } ?? queue
        return try await target.enqueue(jobs.map(asChild)).map { try $0.get() }
    }

    private func asChild(_ job: NewJob) -> NewJob {
        var child = job
        child.options.correlationID = child.options.correlationID ?? self.job.correlationID
        child.options.causationID = child.options.causationID ?? self.job.id.text
        child.options.inheritBudget(of: self.job)
        if child.options.traceparent == nil {
            child.options.traceparent = traceparent
            child.options.tracestate = child.options.tracestate ?? tracestate
        }
        return child
    }
}
