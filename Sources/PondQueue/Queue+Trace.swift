import PondCore
import PondTelemetry

// Enqueueing as a span whose context goes into the envelope. A trace that the caller has put there is its parent.
extension Queue {
    nonisolated(nonsending) func add(_ job: NewJob, _ tracer: QueueTracer) async throws(QueueError) -> EnqueueAnswer {
        let span = tracer.send(to: name.text, kind: job.kind.text, parent: job.options.trace)
        var job = job
        job.options.put(span.fields)
        do throws(QueueError) {
            let answer = try await add(job)
            span.end(message: answer.id.text)
            return answer
        } catch {
            span.fail("\(error.code)", error.message)
            throw error
        }
    }

    /// One span for all of them; jobs that have a trace of their own keep it.
    nonisolated(nonsending) func add(
        _ jobs: [NewJob],
        _ tracer: QueueTracer
    ) async throws(QueueError) -> [Result<EnqueueAnswer, QueueError>] {
        guard let first = jobs.first else { return [] }
        let kind = jobs.allSatisfy { $0.kind == first.kind } ? first.kind.text : nil
        let span = tracer.send(to: name.text, kind: kind, count: jobs.count, parent: nil)
        var jobs = jobs
        for index in jobs.indices where jobs[index].options.traceparent == nil { jobs[index].options.put(span.fields) }
        do throws(QueueError) {
            let answers = try await add(jobs)
            span.end()
            return answers
        } catch {
            span.fail("\(error.code)", error.message)
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
