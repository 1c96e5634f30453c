import Tracing

// OTLP 1.x as JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Names in lowerCamelCase, ids in hex,
// 64-bit numbers as text, enumerations as numbers.

/// What the spans of a process have in common.
public struct OTLPResource: Sendable, Hashable {
    /// By name, as OpenTelemetry's conventions call them; `service.name` is one.
    public var attributes: [String: String]

    /// - Parameters:
    ///   - service: the program's name, as people look for it.
    ///   - attributes: what else is known, as of `OTEL_RESOURCE_ATTRIBUTES`.
    public init(service: String, attributes: [String: String] = [:]) {
        self.attributes = attributes
        self.attributes["service.name"] = service
        self.attributes["telemetry.sdk.language"] = "swift"
        self.attributes["telemetry.sdk.name"] = "millpond"
    }
}

/// Writes an `ExportTraceServiceRequest`.
struct OTLPJSON {
    private var bytes: [UInt8] = []

    /// The request for a batch of spans.
    static func request(_ spans: [OTLPSpan.Record], of resource: OTLPResource) -> [UInt8] {
        var json = OTLPJSON()
        json.bytes.reserveCapacity(1_024 * spans.count + 512)
        json.raw(#"{"resourceSpans":[{"resource":{"attributes":["#)
        json.list(resource.attributes.sorted { $0.key < $1.key }) { $0.attribute($1.key, .string($1.value)) }
        json.raw(#"]},"scopeSpans":[{"scope":{"name":"millpond"},"spans":["#)
        json.list(spans) { $0.span($1) }
        json.raw("]}]}]}")
        return json.bytes
    }

    private mutating func span(_ span: OTLPSpan.Record) {
        raw(#"{"traceId":"\#(span.trace.traceText)","spanId":"\#(span.trace.spanText)""#)
        if let state = span.trace.state {
            raw(#","traceState":"#)
            string(state)
        }
        if let parent = span.parentSpanID { raw(#","parentSpanId":"\#(TraceContext.hex(parent))""#) }
        raw(#","name":"#)
        string(span.name)
        raw(#","kind":\#(OTLPJSON.number(of: span.kind))"#)
        raw(#","startTimeUnixNano":"\#(span.start)","endTimeUnixNano":"\#(span.end)""#)
        attributes(span.attributes)
        if !span.events.isEmpty {
            raw(#","events":["#)
            list(span.events) { $0.event($1) }
            raw("]")
        }
        if !span.links.isEmpty {
            raw(#","links":["#)
            list(span.links.compactMap { link in link.context.trace.map { ($0, link.attributes) } }) {
                $0.link($1.0, $1.1)
            }
            raw("]")
        }
        if span.droppedEvents > 0 { raw(#","droppedEventsCount":\#(span.droppedEvents)"#) }
        if span.droppedLinks > 0 { raw(#","droppedLinksCount":\#(span.droppedLinks)"#) }
        if let status = span.status {
            raw(#","status":{"code":\#(status.code == .ok ? 1 : 2)"#)
            if let message = status.message {
                raw(#","message":"#)
                string(message)
            }
            raw("}")
        }
        raw("}")
    }

    private mutating func event(_ event: SpanEvent) {
        raw(#"{"timeUnixNano":"\#(event.nanosecondsSinceEpoch)","name":"#)
        string(event.name)
        attributes(event.attributes)
        raw("}")
    }

    private mutating func link(_ trace: TraceContext, _ more: SpanAttributes) {
        raw(#"{"traceId":"\#(trace.traceText)","spanId":"\#(trace.spanText)""#)
        if let state = trace.state {
            raw(#","traceState":"#)
            string(state)
        }
        attributes(more)
        raw("}")
    }

    private mutating func attributes(_ attributes: SpanAttributes) {
        guard !attributes.isEmpty else { return }
        var pairs: [(String, SpanAttribute)] = []
        attributes.forEach { pairs.append(($0, $1)) }
        raw(#","attributes":["#)
        list(pairs.sorted { $0.0 < $1.0 }) { $0.attribute($1.0, $1.1) }
        raw("]")
    }

    private mutating func attribute(_ name: String, _ value: SpanAttribute) {
        raw(#"{"key":"#)
        string(name)
        raw(#","value":"#)
        self.value(value)
        raw("}")
    }

    private mutating func value(_ value: SpanAttribute) {
        switch value {
        case .int32(let number): integer(Int64(number))
        case .int64(let number): integer(number)
        case .double(let number): double(number)
        case .bool(let flag): bool(flag)
        case .string(let text): text.isEmpty ? raw(#"{"stringValue":""}"#) : stringValue(text)
        case .int32Array(let numbers): array(numbers) { $0.integer(Int64($1)) }
        case .int64Array(let numbers): array(numbers) { $0.integer($1) }
        case .doubleArray(let numbers): array(numbers) { $0.double($1) }
        case .boolArray(let flags): array(flags) { $0.bool($1) }
        case .stringArray(let texts): array(texts) { $0.stringValue($1) }
        case .stringConvertible(let value): stringValue("\(value)")
        case .stringConvertibleArray(let values): array(values) { $0.stringValue("\($1)") }
        default: stringValue("\(value)")
        }
    }

    private mutating func stringValue(_ text: String) {
        raw(#"{"stringValue":"#)
        string(text)
        raw("}")
    }

    private mutating func integer(_ number: Int64) { raw(#"{"intValue":"\#(number)"}"#) }
    private mutating func bool(_ flag: Bool) { raw(#"{"boolValue":\#(flag)}"#) }

    private mutating func double(_ number: Double) {
        let text =
            number.isNaN ? "\"NaN\"" : number.isInfinite ? (number < 0 ? "\"-Infinity\"" : "\"Infinity\"") : "\(number)"
        raw(#"{"doubleValue":\#(text)}"#)
    }

    private mutating func array<Element>(_ elements: [Element], _ write: (inout OTLPJSON, Element) -> Void) {
        raw(#"{"arrayValue":{"values":["#)
        list(elements, write)
        raw("]}}")
    }

    private mutating func list<Element>(_ elements: [Element], _ write: (inout OTLPJSON, Element) -> Void) {
        for index in elements.indices {
            if index > elements.startIndex { raw(",") }
            write(&self, elements[index])
        }
    }

    private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                raw("\\u00" + (digits.count < 2 ? "0" : "") + digits)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func number(of kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
