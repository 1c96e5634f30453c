package import PondCore
package import Tracing

// Spans by OpenTelemetry's conventions for messaging (status: development), read in November 2026:
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans

/// Spans for what happens to jobs, through whatever tracer the program has set up.
///
/// A class, so that to have none costs a job nothing.
package final class QueueTracer: Sendable {
    private let tracer: any Tracer

    /// Spans through a tracer of one's own.
    package init(_ tracer: any Tracer) {
        self.tracer = tracer
    }

    /// Spans through the tracer of this process; nil when nobody has set one up.
    ///
    /// To be asked once, by whatever lives long: the answer does not change after the start of a program.
    package static var bootstrapped: QueueTracer? {
        let tracer = InstrumentationSystem.tracer
        return tracer is NoOpTracer ? nil : QueueTracer(tracer)
    }

    /// Begins the span of an enqueue.
    ///
    /// - Parameters:
    ///   - kind: of the job; nil for jobs of several kinds.
    ///   - count: how many jobs it adds.
    ///   - parent: the trace that the job is to belong to; nil for that of the current task.
    package func send(to queue: String, kind: String?, count: Int = 1, parent: TraceFields?) -> QueueSpan {
        let context = parent.map { extracted($0) } ?? .current ?? .topLevel
        var attributes = attributes(of: "send", queue)
        if let kind { attributes["millpond.kind"] = kind }
        if count > 1 { attributes["messaging.batch.message_count"] = count }
        return begin("send \(queue)", .producer, context, attributes, link: nil)
    }

    /// Begins the span of a try.
    ///
    /// A first try at once is a child of the enqueue. A later one, or one that was due later, begins a trace of its own with
    /// a link to it: a trace must not stay open for days.
    ///
    /// - Parameters:
    ///   - isPrompt: whether this is the first try of a job that was never moved.
    ///   - wait: how long the job was ready before; nil when nobody knows.
    package func process(_ job: Job, isPrompt: Bool, wait: Duration?) -> QueueSpan {
        let sender = extracted(TraceFields(job.traceparent, job.tracestate))
        var attributes = attributes(of: "process", job.queue.text)
        attributes["messaging.message.id"] = job.id.text
        attributes["messaging.message.conversation_id"] = job.correlationID
        attributes["messaging.consumer.group.name"] = "mp"
        attributes["millpond.kind"] = job.kind.text
        attributes["millpond.attempt"] = job.attempt
        if let jobClass = job.jobClass { attributes["millpond.class"] = jobClass.rawValue }
        if let wait { attributes["millpond.wait_ms"] = wait.wholeMilliseconds }
        return begin(
            "process \(job.queue)",
            .consumer,
            isPrompt ? sender : .topLevel,
            attributes,
            link: sender.isEmpty ? nil : sender
        )
    }

    /// Begins the span of a step of a saga, or of its undo, as a child of the try's.
    ///
    /// - Parameters:
    ///   - name: the step's in its saga; the second of a name has the span's name of the first.
    ///   - attempt: how often it was begun.
    package func step(_ name: String, isUndo: Bool, attempt: Int, of job: JobID, in parent: QueueSpan) -> QueueSpan {
        let base = name.prefix { $0 != "#" }
        let attributes: SpanAttributes = [
            "millpond.step": .string(name), "millpond.step_attempt": .int64(Int64(attempt)),
            "messaging.message.id": .string(job.text),
        ]
        return begin("\(isUndo ? "undo" : "step") \(base)", .internal, parent.context, attributes, link: nil)
    }

    private func attributes(of operation: String, _ queue: String) -> SpanAttributes {
        [
            "messaging.system": "redis_streams", "messaging.destination.name": .string(queue),
            "messaging.operation.name": .string(operation), "messaging.operation.type": .string(operation),
        ]
    }

    private func begin(
        _ name: String,
        _ kind: SpanKind,
        _ context: ServiceContext,
        _ attributes: SpanAttributes,
        link: ServiceContext?
    ) -> QueueSpan {
        let span = tracer.startSpan(name, context: context, ofKind: kind)
        span.attributes = attributes
        if let link { span.addLink(SpanLink(context: link, attributes: [:])) }
        var fields = TraceFields(nil, nil)
        tracer.inject(span.context, into: &fields, using: TraceFields.Carrier())
        return QueueSpan(span: span, fields: fields)
    }

    private func extracted(_ fields: TraceFields) -> ServiceContext {
        var context = ServiceContext.topLevel
        tracer.extract(fields, into: &context, using: TraceFields.Carrier())
        return context
    }
}

/// The fields of an envelope that carry a trace.
package struct TraceFields: Sendable, Hashable {
    /// W3C `traceparent`.
    package var traceparent: String?
    /// W3C `tracestate`.
    package var tracestate: String?

    /// The fields, as the envelope has them.
    package init(_ traceparent: String?, _ tracestate: String?) {
        self.traceparent = traceparent
        self.tracestate = tracestate
    }

    /// The ids of the trace and the span, as logs have them; nil when there is no trace.
    package var ids: (trace: String, span: String)? {
        guard let context = traceparent.flatMap({ TraceContext(traceparent: $0) }) else { return nil }
        return (context.traceText, context.spanText)
    }

    struct Carrier: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into carrier: inout TraceFields) {
            switch key.lowercased() {
            case "traceparent": carrier.traceparent = value
            case "tracestate": carrier.tracestate = value
            default: break
            }
        }

        func extract(key: String, from carrier: TraceFields) -> String? {
            switch key.lowercased() {
            case "traceparent": carrier.traceparent
            case "tracestate": carrier.tracestate
            default: nil
            }
        }
    }
}

/// A span that has begun.
///
/// A class, so that a try without one, the usual case, carries a nil of one word and not of seven.
package final class QueueSpan: Sendable {
    private let span: any Span
    /// By which another span becomes its child.
    var context: ServiceContext { span.context }
    /// What carries the span's trace on.
    package let fields: TraceFields

    init(span: any Span, fields: TraceFields) {
        self.span = span
        self.fields = fields
    }

    /// Runs something as a part of the span, so that what it begins belongs to the same trace.
    nonisolated(nonsending) package func around<Value>(
        _ body: nonisolated(nonsending) () async throws -> Value
    ) async rethrows -> Value {
        try await ServiceContext.$current.withValue(span.context, operation: body)
    }

    /// Ends the span of something that went well.
    ///
    /// - Parameter message: the job's id, when it is known only now.
    package func end(outcome: String? = nil, message: String? = nil) {
        if span.isRecording {
            span.updateAttributes { attributes in
                if let outcome { attributes["millpond.outcome"] = outcome }
                if let message { attributes["messaging.message.id"] = message }
            }
        }
        span.end()
    }

    /// Ends the span of something that failed.
    ///
    /// - Parameter type: what failed, of a few words.
    package func fail(_ type: String, _ text: String, outcome: String? = nil) {
        if span.isRecording {
            span.updateAttributes { attributes in
                if let outcome { attributes["millpond.outcome"] = outcome }
                attributes["error.type"] = type
            }
            span.setStatus(SpanStatus(code: .error, message: String(text.prefix(200))))
        }
        span.end()
    }
}
