import PondTelemetry
import Testing

@Suite struct TraceContextTests {
    private let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private let span = "00f067aa0ba902b7"

    @Test(arguments: [("01", true), ("00", false), ("ff", true), ("fe", false)])
    func `a traceparent is read, flags and all`(flags: String, isSampled: Bool) throws {
        let context = try #require(TraceContext(traceparent: "00-\(trace)-\(span)-\(flags)"))
        #expect(context.traceText == trace)
        #expect(context.spanText == span)
        #expect(context.isSampled == isSampled)
        #expect(context.traceparent == "00-\(trace)-\(span)-\(isSampled ? "01" : "00")")
    }

    @Test(
        arguments: [
            "", "00", "00-1", "garbage",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-0",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        ]
    )
    func `what is malformed is none`(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test func `a later version may say more`() throws {
        let text = "cc-\(trace)-\(span)-01-what-the-future-will-be-like"
        #expect(try #require(TraceContext(traceparent: text)).traceText == trace)
    }

    @Test(
        arguments: [
            ("a=1,b=2", "a=1,b=2"), ("", nil), ("é=1", nil), ("a=1\nb", nil), (String(repeating: "x", count: 513), nil),
        ] as [(String, String?)]
    )
    func `a tracestate that cannot be carried is dropped, the trace goes on`(state: String, kept: String?) throws {
        let context = try #require(TraceContext(traceparent: "00-\(trace)-\(span)-01", tracestate: state))
        #expect(context.state == kept)
    }
}
