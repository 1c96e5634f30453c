import PondCore
import PondQueue
import PondSaga
import PondTelemetry
import PondTestKit
import PondWorker
import Synchronization
import Testing
import Tracing

/// Spans of real jobs, as a tracer records them.
@Suite(.redis) struct TracingTests {
    private struct Flop: Error {}

    /// Requests to a collector, as text.
    private final class Sent: Sendable {
        let bodies = Mutex<[String]>([])

        func take(_ body: [UInt8]) -> OTLPAnswer {
            bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
            return .taken
        }

        /// The spans, each a JSON text.
        var spans: [String] {
            bodies.withLock { $0 }.flatMap { body in
                body.components(of: #"{"traceId":""#).filter { $0.contains(#""startTimeUnixNano""#) }
            }
        }
    }

    private let sent = Sent()
    private let exporter: OTLPExporter

    init() {
        exporter = OTLPExporter(resource: OTLPResource(service: "test")) { [sent] in sent.take($0) }
    }

    private func harness() throws -> Harness { try Harness(tracer: QueueTracer(OTLPTracer(exporter))) }

    @Test func `a retry has a trace of its own, and its child belongs to it`() async throws {
        let harness = try harness()
        let seen = Record<String>()
        let jobs = JobList {
            JobRegistration(kind: "flaky") { job in
                seen.add(job.traceparent ?? "none")
                if job.attempt == 1 { throw Flop() }
                _ = try await job.enqueue(NewJob(kind: try JobKind("child")))
            }
            .retrying(times: 2, backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(1), jitter: 0))
            JobRegistration(kind: "child") { job in seen.add(job.traceparent ?? "none") }
        }
        try await harness.withWorker(jobs) { _ in
            try await harness.enqueue("flaky")
            try await harness.eventually { $0.done == 2 }
        }
        await exporter.flush()
        let contexts = try seen.all.map { try #require(TraceContext(traceparent: $0), "\($0)") }
        try #require(contexts.count == 3)
        #expect(contexts[0].traceText != contexts[1].traceText)
        #expect(contexts[1].traceText == contexts[2].traceText)
        let spans = sent.spans
        #expect(spans.count == 5, "two enqueues, three tries: \(spans)")
        let first = try #require(spans.first { $0.contains(contexts[0].spanText) && $0.contains("process") })
        // What follows the links is a part of its own here.
        #expect(sent.bodies.withLock { $0 }.contains { $0.contains(#""status":{"code":2"#) })
        #expect(
            first.contains(#""error.type","value":{"stringValue":"Flop"}"#)
        )
        let second = try #require(spans.first { $0.contains(#""millpond.attempt","value":{"intValue":"2"}"#) })
        #expect(second.contains(#""links":["#) && !second.contains("parentSpanId"))
    }

    @Test func `an enqueue belongs to the span around it, a given trace goes before that`() async throws {
        let harness = try harness()
        let tracer = OTLPTracer(exporter)
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        try await tracer.withSpan("request", ofKind: .server) { _ in
            try await harness.enqueue("a")
            var options = EnqueueOptions()
            options.traceparent = given
            options.tracestate = "v=1"
            try await harness.enqueue("b", "{}", options)
            _ = try await harness.queue.enqueue([NewJob(kind: try JobKind("c")), NewJob(kind: try JobKind("d"))])
        }
        let fetched = try await harness.queue.fetch(as: Consumer("t"), atMost: 10).deliveries
        await exporter.flush()
        let traces = try fetched.map { delivery in
            let job = try delivery.job.get()
            return (job, try #require(TraceContext(traceparent: job.traceparent ?? "", tracestate: job.tracestate)))
        }
        try #require(traces.count == 4)
        let request = try #require(sent.spans.first { $0.contains(#""name":"request""#) })
        #expect(request.hasPrefix(traces[0].1.traceText))
        #expect(
            traces[1].1.traceText == "4bf92f3577b34da6a3ce929d0e0e4736" && traces[1].1.spanText != "00f067aa0ba902b7"
        )
        #expect(traces[1].1.state == "v=1")
        #expect(traces[2].1 == traces[3].1, "a batch has one span")
        #expect(sent.spans.contains { $0.contains(#""messaging.batch.message_count","value":{"intValue":"2"}"#) })
    }

    @Test func `each step of a saga and each undo has a span below its try's, also when a later run undoes`()
        async throws
    {
        let harness = try harness()
        let jobs = JobList {
            JobRegistration(kind: "flow") { job in
                try await job.step("take") { _ in
                } undo: { _ in
                }
                try await job.step("ship") { _ in throw GiveUp("no stock", cause: "stock") }
            }
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            #expect(try await Waiting.until { try await harness.queue.saga(id)?.state == .compensated })
        }
        await exporter.flush()
        func id(_ field: String, of span: String) -> String? {
            span.firstRange(of: "\"\(field)\":\"").map { String(span[$0.upperBound...].prefix { $0 != "\"" }) }
        }
        let tries = sent.spans.filter { $0.contains(#""name":"process "#) }
        let parts = ["step take", "step ship", "undo take"].map { name in
            sent.spans.first { $0.contains("\"name\":\"\(name)\"") }
        }
        let owners = parts.map { part in part.flatMap { id("parentSpanId", of: $0) } }
        let known = tries.map { id("spanId", of: $0) }
        try #require(tries.count == 2 && owners.allSatisfy { $0 != nil }, "\(sent.spans)")
        #expect(owners[0] == owners[1] && owners[0] != owners[2] && owners.allSatisfy(known.contains), "\(sent.spans)")
        #expect(parts[1]?.contains(#""error.type","value":{"stringValue":"GiveUp"}"#) == true)
        #expect(parts[2]?.contains(#""millpond.step","value":{"stringValue":"take"}"#) == true)
    }

    @Test func `without a tracer a trace is handed on as it came`() async throws {
        let harness = try Harness()
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let seen = Record<String>()
        let jobs = JobList {
            JobRegistration(kind: "parent") { job in _ = try await job.enqueue(NewJob(kind: try JobKind("child"))) }
            JobRegistration(kind: "child") { job in seen.add(job.traceparent ?? "none") }
        }
        try await harness.withWorker(jobs) { _ in
            var options = EnqueueOptions()
            options.traceparent = given
            try await harness.enqueue("parent", "{}", options)
            try await harness.eventually { $0.done == 2 }
        }
        #expect(seen.all == [given])
    }
}

extension String {
    /// What stands between the separators.
    fileprivate func components(of separator: String) -> [String] { split(separator: separator).map { String($0) } }
}
