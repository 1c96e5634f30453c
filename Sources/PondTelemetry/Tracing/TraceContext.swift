package import Tracing

// W3C Trace Context, level 1: https://www.w3.org/TR/trace-context

/// Which trace and which span something belongs to.
package struct TraceContext: Sendable, Hashable {
    /// The trace's id, 16 bytes of which at least one is not 0, as two numbers.
    package let traceID: (high: UInt64, low: UInt64)
    /// The span's id, not 0.
    package let spanID: UInt64
    /// Whether whoever began the trace wants it recorded.
    package let isSampled: Bool
    /// What vendors add, as it came.
    package let state: String?

    /// The longest `tracestate` that is carried on, in bytes.
    package static let stateBytesMax = 512

    init(traceID: (high: UInt64, low: UInt64), spanID: UInt64, isSampled: Bool, state: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }

    /// Reads the fields of an envelope or of a request; nil when `traceparent` is none.
    ///
    /// A `tracestate` that is too long or no printable ASCII is dropped, the trace itself goes on.
    package init?(traceparent: String, tracestate: String? = nil) {
        let bytes = Array(traceparent.utf8)
        let hyphen = UInt8(ascii: "-")
        // Later versions may have more after another hyphen.
        guard bytes.count >= 55, bytes[2] == hyphen, bytes[35] == hyphen, bytes[52] == hyphen,
            let version = Self.number(bytes[0..<2]), version != 0xff,
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == hyphen,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]), high | low != 0,
            let span = Self.number(bytes[36..<52]), span != 0, let flags = Self.number(bytes[53..<55])
        else { return nil }
        self.init(
            traceID: (high, low),
            spanID: span,
            isSampled: flags & 1 == 1,
            state: tracestate.flatMap(Self.checked)
        )
    }

    /// The `traceparent` that says so.
    package var traceparent: String { "00-\(traceText)-\(spanText)-\(isSampled ? "01" : "00")" }
    /// The trace's id as 32 hex digits.
    package var traceText: String { Self.hex(traceID.high) + Self.hex(traceID.low) }
    /// The span's id as 16 hex digits.
    package var spanText: String { Self.hex(spanID) }

    package static func == (lhs: TraceContext, rhs: TraceContext) -> Bool {
        lhs.traceID == rhs.traceID && lhs.spanID == rhs.spanID && lhs.isSampled == rhs.isSampled
            && lhs.state == rhs.state
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(traceID.low)
        hasher.combine(spanID)
    }

    private static func checked(_ state: String) -> String? {
        let isFine = state.utf8.count <= stateBytesMax && state.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        return isFine && !state.isEmpty ? state : nil
    }

    static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Lower case alone, as the standard says.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}

/// Where `OTLPTracer` keeps the trace in a task's context.
private enum TraceContextKey: ServiceContextKey {
    typealias Value = TraceContext
    static let nameOverride: String? = "millpond-trace"
}

extension ServiceContext {
    /// The trace that `OTLPTracer` has put here.
    package var trace: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }
}
