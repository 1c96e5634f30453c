import PondCore
import PondTelemetry
import Testing
import Tracing

@Suite struct TracerTests {
    private let collector = Collector()
    private let exporter: OTLPExporter
    private let tracer: OTLPTracer

    init() {
        exporter = OTLPExporter(resource: OTLPResource(service: "test")) { [collector] in collector.take($0) }
        tracer = OTLPTracer(exporter)
    }

    private func job(attempt: Int = 0, parent: String? = nil) throws -> Job {
        var flat = [Array("kind".utf8), Array("mail.send".utf8)]
        if let parent { flat += [Array("traceparent".utf8), Array(parent.utf8)] }
        if attempt > 0 { flat += [Array("attempt".utf8), Array("\(attempt)".utf8)] }
        return try Envelope(flat: flat).job(
            queue: try QueueName("mail"),
            ownID: JobID("1-0"),
            entryTime: ServerTime(milliseconds: 1)
        )
    }

    @Test func `a span belongs to the trace of its parent`() async throws {
        tracer.withSpan("outer", ofKind: .server) { _ in
            tracer.withSpan("inner") { $0.attributes["n"] = 1 }
        }
        await exporter.flush()
        let spans = try collector.spans
        try #require(spans.map(\.name) == ["inner", "outer"])
        #expect(spans[0].traceId == spans[1].traceId)
        #expect(spans[0].parentSpanId == spans[1].spanId)
        #expect(spans[1].parentSpanId == nil)
        #expect(spans.map(\.kind) == [1, 2])
        #expect(spans[0].text("n") == "1")
    }

    @Test func `an enqueue and its prompt first try are one trace`() async throws {
        let queue = QueueTracer(tracer)
        let send = queue.send(to: "mail", kind: "mail.send", parent: nil)
        let process = queue.process(try job(parent: send.fields.traceparent), isPrompt: true, wait: .milliseconds(12))
        send.end(message: "1-0")
        process.end(outcome: "success")
        await exporter.flush()
        let spans = try collector.spans
        try #require(spans.map(\.name) == ["send mail", "process mail"])
        #expect(spans.map(\.kind) == [4, 5])
        #expect(spans[0].traceId == spans[1].traceId)
        #expect(spans[1].parentSpanId == spans[0].spanId)
        #expect(spans[1].links?.map(\.spanId) == [spans[0].spanId])
        #expect(spans[0].text("messaging.message.id") == "1-0")
        #expect(spans[1].text("millpond.wait_ms") == "12")
        #expect(spans[1].text("messaging.operation.type") == "process")
        #expect(spans[1].status == nil)
    }

    @Test func `a later try begins a trace of its own, with a link`() async throws {
        let queue = QueueTracer(tracer)
        let send = queue.send(to: "mail", kind: "mail.send", parent: nil)
        let process = queue.process(try job(attempt: 1, parent: send.fields.traceparent), isPrompt: false, wait: nil)
        process.fail("TimeoutError", "no answer", outcome: "retry")
        send.end()
        await exporter.flush()
        let spans = try collector.spans
        #expect(spans[0].traceId != spans[1].traceId)
        #expect(spans[0].parentSpanId == nil)
        #expect(spans[0].links?.map(\.traceId) == [spans[1].traceId])
        #expect(spans[0].text("millpond.attempt") == "2")
        #expect(spans[0].text("error.type") == "TimeoutError")
        #expect(spans[0].status?.code == 2 && spans[0].status?.message == "no answer")
    }

    @Test func `a broken traceparent is as good as none`() async throws {
        let process = QueueTracer(tracer).process(try job(parent: "00-junk"), isPrompt: true, wait: nil)
        process.end()
        await exporter.flush()
        let span = try #require(try collector.spans.first)
        #expect(span.parentSpanId == nil && span.links == nil)
    }

    @Test func `what is not sampled is carried on, and not recorded`() async throws {
        let queue = QueueTracer(OTLPTracer(exporter, sampler: .never))
        let send = queue.send(to: "mail", kind: nil, parent: nil)
        #expect(send.fields.traceparent?.hasSuffix("-00") == true)
        // Whoever comes after records nothing either, though it would sample all.
        let process = QueueTracer(tracer).process(try job(parent: send.fields.traceparent), isPrompt: true, wait: nil)
        process.fail("x", "y")
        send.end()
        await exporter.flush()
        #expect(collector.bodies.isEmpty)
    }

    @Test func `a part of the traces is recorded, the same one everywhere`() {
        let sampler = TraceSampler(ratio: 0.25)
        let one = OTLPTracer(exporter, sampler: sampler)
        let sampled = (0..<4_000).count { _ in one.startSpan("a", at: DefaultTracerClock.now).isRecording }
        #expect((800...1_200).contains(sampled), "\(sampled) of 4000")
    }

    @Test func `what a handler enqueues belongs to its try`() async throws {
        let queue = QueueTracer(tracer)
        let process = queue.process(try job(), isPrompt: true, wait: nil)
        await process.around { queue.send(to: "next", kind: "k", parent: nil).end() }
        process.end()
        await exporter.flush()
        let spans = try collector.spans
        #expect(spans[0].parentSpanId == spans[1].spanId && spans[0].traceId == spans[1].traceId)
    }

    @Test func `a span keeps so many events, and counts the rest`() async throws {
        let span = tracer.startSpan("a", at: DefaultTracerClock.now)
        for number in 0..<40 { span.addEvent(SpanEvent(name: "e\(number)")) }
        span.recordError(CancellationError())
        span.end()
        span.end()
        span.addEvent("too late")
        await exporter.flush()
        let spans = try collector.spans
        #expect(spans.count == 1)
        #expect(spans[0].events?.count == 32 && spans[0].droppedEventsCount == 9)
    }

    @Test func `text of any kind is JSON`() async throws {
        let text = "quote \" backslash \\ tab \t zero \u{0} é 🙂"
        let span = tracer.startSpan(text, at: DefaultTracerClock.now)
        span.attributes = [
            "s": .string(text), "d": .double(.nan), "a": .stringArray([text, ""]), "i": .int64Array([1, -2]), "b": true,
        ]
        span.end()
        await exporter.flush()
        let sent = try #require(try collector.spans.first)
        #expect(sent.name == text && sent.text("s") == text)
    }
}
