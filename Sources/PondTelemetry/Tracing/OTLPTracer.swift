public import Tracing

/// A tracer that sends its spans to an OpenTelemetry collector, as OTLP/HTTP in JSON.
///
/// ```swift
/// let exporter = OTLPExporter(resource: .init(service: "mailer"), send: post)
/// InstrumentationSystem.bootstrap(OTLPTracer(exporter))
/// // … and beside the program's work:
/// await exporter.run()
/// ```
///
/// Small on purpose: swift-otel, or any other tracer that speaks W3C Trace Context, can stand in its place.
public struct OTLPTracer: Tracer {
    private let exporter: OTLPExporter
    private let sampler: TraceSampler

    /// - Parameter sampler: which traces that begin here are recorded. Defaults to all; one that comes from elsewhere is
    ///   recorded when whoever began it said so.
    public init(_ exporter: OTLPExporter, sampler: TraceSampler = .always) {
        self.exporter = exporter
        self.sampler = sampler
    }

    /// Begins a span, a child of the one in `context` if there is one.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String,
        context: @autoclosure () -> ServiceContext,
        ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String,
        file fileID: String,
        line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.trace
        var trace = TraceContext.random()
        if let parent {
            trace = TraceContext(
                traceID: parent.traceID,
                spanID: trace.spanID,
                isSampled: parent.isSampled,
                state: parent.state
            )
        } else if !sampler.records(trace) {
            trace = TraceContext(traceID: trace.traceID, spanID: trace.spanID, isSampled: false)
        }
        context.trace = trace
        let record = OTLPSpan.Record(
            name: operationName,
            trace: trace,
            parentSpanID: parent?.spanID,
            kind: kind,
            start: trace.isSampled ? instant().nanosecondsSinceEpoch : 0
        )
        return OTLPSpan(record, context) { [exporter] in exporter.add($0) }
    }

    /// Does nothing: what waits leaves in the next batch, and the last one when the exporter stops.
    public func forceFlush() {}

    /// Writes `traceparent` and `tracestate`.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext,
        into carrier: inout Carrier,
        using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }

    /// Reads `traceparent` and `tracestate`.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier,
        into context: inout ServiceContext,
        using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let state = extractor.extract(key: "tracestate", from: carrier)
        // One that cannot be read is as good as none: the work begins a trace of its own.
        if let trace = TraceContext(traceparent: parent, tracestate: state) { context.trace = trace }
    }
}

/// Which of the traces that begin in a process are recorded.
public struct TraceSampler: Sendable, Hashable {
    /// A trace is recorded when the low 63 bits of its id are below this.
    private let limit: UInt64
    private static let ceiling: UInt64 = 1 << 63

    /// All of them.
    public static let always = TraceSampler(ratio: 1)
    /// None of them.
    public static let never = TraceSampler(ratio: 0)

    /// - Parameter ratio: which part, from 0 to 1. Every process decides alike for the same trace.
    public init(ratio: Double) {
        let part = ratio.isNaN ? 1 : min(max(ratio, 0), 1)
        limit = part == 1 ? Self.ceiling : UInt64(part * Double(Self.ceiling))
    }

    func records(_ trace: TraceContext) -> Bool { trace.traceID.low & (Self.ceiling - 1) < limit }
}

extension TraceContext {
    static func random() -> TraceContext {
        TraceContext(
            // At least one bit is set, as the standard asks.
            traceID: (.random(in: 1 ... .max), .random(in: .min ... .max)),
            spanID: .random(in: 1 ... .max),
            isSampled: true
        )
    }
}
