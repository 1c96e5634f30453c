import PondCore
import PondTelemetry

/// Enqueueing as a span whose context goes into the envelope.
///
/// A trace that the caller has put there is its parent.
struct EnqueueTracing: EnqueueMiddleware {
    let tracer: QueueTracer

    func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
        guard let first = jobs.first else { return try await next(jobs) }
        return jobs.count == 1 ? try await one(first, queue, next) : try await many(jobs, queue, next)
    }

    private func one(_ job: NewJob, _ queue: QueueName, _ next: EnqueueNext) async throws -> [EnqueueResult] {
        let span = tracer.send(to: queue.text, kind: job.kind.text, parent: job.options.trace)
        var job = job
        job.options.put(span.fields)
        return try await ending(span) {
            let results = try await next([job])
            // A refusal ends the span as what is thrown does.
            if case .failure(let error)? = results.first { throw error }
            return results
        }
    }

    /// One span for all of them; jobs that have a trace of their own keep it.
    private func many(_ jobs: [NewJob], _ queue: QueueName, _ next: EnqueueNext) async throws -> [EnqueueResult] {
        let kind = jobs.allSatisfy { $0.kind == jobs[0].kind } ? jobs[0].kind.text : nil
        let span = tracer.send(to: queue.text, kind: kind, count: jobs.count, parent: nil)
        var jobs = jobs
        for index in jobs.indices where jobs[index].options.traceparent == nil { jobs[index].options.put(span.fields) }
        return try await ending(span) { try await next(jobs) }
    }

    private func ending(_ span: QueueSpan, _ add: () async throws -> [EnqueueResult]) async throws -> [EnqueueResult] {
        do {
            let results = try await add()
            if results.count == 1, case .success(let answer) = results[0] {
                span.end(message: answer.id.text)
            } else {
                span.end()
            }
            return results
        } catch {
            let ours = error as? QueueError
            span.fail("\(ours?.code ?? .refused)", ours?.message ?? "\(error)")
            throw error
        }
    }
}

extension EnqueueOptions {
    fileprivate var trace: TraceFields? { traceparent.map { TraceFields($0, tracestate) } }

    /// A tracer that carries nothing on leaves what is there.
    fileprivate mutating func put(_ fields: TraceFields) {
        guard let parent = fields.traceparent else { return }
        traceparent = parent
        tracestate = fields.tracestate
    }
}
