public import Tracing
import Synchronization

/// A span on its way to a collector.
public final class OTLPSpan: Span {
    /// What a collector is told of a span.
    struct Record: Sendable {
        var name: String
        let trace: TraceContext
        let parentSpanID: UInt64?
        let kind: SpanKind
        let start: UInt64
        var end: UInt64 = 0
        var attributes: SpanAttributes = [:]
        var events: [SpanEvent] = []
        var links: [SpanLink] = []
        var status: SpanStatus?
        var droppedEvents = 0
        var droppedLinks = 0
    }

    /// The events that a span keeps.
    static let eventsMax = 32
    /// The links that a span keeps.
    static let linksMax = 32

    /// Where what the span begins finds its trace.
    public let context: ServiceContext
    /// Whether the span will be exported.
    public let isRecording: Bool
    private let state: Mutex<Record?>
    private let onEnd: @Sendable (Record) -> Void

    init(_ record: Record, _ context: ServiceContext, onEnd: @escaping @Sendable (Record) -> Void) {
        self.context = context
        self.onEnd = onEnd
        isRecording = record.trace.isSampled
        state = Mutex(record)
    }

    /// What the span is called; empty once it has ended.
    public var operationName: String {
        get { state.withLock { $0?.name ?? "" } }
        set { change { $0.name = newValue } }
    }

    /// What is known of it; empty once it has ended.
    public var attributes: SpanAttributes {
        get { state.withLock { $0?.attributes ?? [:] } }
        set { change { $0.attributes = newValue } }
    }

    /// Says whether it went well.
    public func setStatus(_ status: SpanStatus) {
        change { $0.status = status }
    }

    /// Adds a moment; beyond 32 they are only counted.
    public func addEvent(_ event: SpanEvent) {
        change { record in
            guard record.events.count < Self.eventsMax else { return record.droppedEvents += 1 }
            record.events.append(event)
        }
    }

    /// Adds an error as an event, its text cut at 1,000 characters.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error,
        attributes: SpanAttributes,
        at instant: @autoclosure () -> Instant
    ) {
        guard isRecording else { return }
        var attributes = attributes
        attributes["exception.type"] = "\(type(of: error))"
        attributes["exception.message"] = String("\(error)".prefix(1_000))
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    /// Adds a link to another trace; beyond 32 they are only counted.
    public func addLink(_ link: SpanLink) {
        change { record in
            guard record.links.count < Self.linksMax else { return record.droppedLinks += 1 }
            record.links.append(link)
        }
    }

    /// Ends the span and hands it to the exporter; the first call counts.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let record = state.withLock { state -> Record? in
            defer { state = nil }
            return state
        }
        guard isRecording, var record else { return }
        record.end = max(record.start, instant().nanosecondsSinceEpoch)
        onEnd(record)
    }

    private func change(_ body: (inout Record) -> Void) {
        guard isRecording else { return }
        state.withLock { state in
            guard var record = state else { return }
            body(&record)
            state = record
        }
    }
}
