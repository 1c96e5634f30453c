import PondCore
import PondTelemetry
import PondTestKit
import Synchronization
import Testing
import Tracing

@Suite struct ExporterTests {
    private func exporter(
        _ collector: Collector,
        _ change: (inout OTLPExporter.Limits) -> Void = { _ in }
    ) -> (OTLPExporter, OTLPTracer) {
        var limits = OTLPExporter.Limits()
        limits.interval = .milliseconds(20)
        change(&limits)
        let exporter = OTLPExporter(resource: OTLPResource(service: "t"), limits: limits) { collector.take($0) }
        return (exporter, OTLPTracer(exporter))
    }

    private func end(_ count: Int, _ tracer: OTLPTracer) {
        for number in 0..<count { tracer.startSpan("s\(number)", at: DefaultTracerClock.now).end() }
    }

    /// Runs the exporter until something holds; gives up after a time that no busy machine needs.
    private func run(_ exporter: OTLPExporter, until holds: @escaping @Sendable () -> Bool) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            // Nobody cancels a test.
            _ = try? await Waiting.until(within: .seconds(120), every: .milliseconds(2)) { holds() }
            group.cancelAll()
        }
    }

    @Test func `spans leave in batches, in order`() async throws {
        let collector = Collector()
        let (exporter, tracer) = exporter(collector) { $0.batchMax = 10 }
        end(25, tracer)
        await run(exporter) { exporter.exported == 25 }
        #expect(collector.bodies.count == 3)
        #expect(try collector.spans.map(\.name) == (0..<25).map { "s\($0)" })
    }

    @Test func `a full queue drops what is new, and counts it`() async {
        let collector = Collector()
        let (exporter, tracer) = exporter(collector) { $0.queueMax = 100 }
        end(250, tracer)
        #expect(exporter.dropped == 150)
        await exporter.flush()
        #expect(exporter.exported == 100)
        end(1, tracer)
        #expect(exporter.dropped == 151)
    }

    @Test func `a batch that the collector cannot take now is tried again`() async throws {
        let collector = Collector(answering: [OTLPAnswer(status: 503)])
        let (exporter, tracer) = exporter(collector)
        end(3, tracer)
        await run(exporter) { exporter.exported == 3 }
        #expect(try collector.spans.count == 3)
        #expect(exporter.dropped == 0)
    }

    @Test func `a batch that is refused is dropped at once`() async {
        let collector = Collector(answering: [OTLPAnswer(status: 400)])
        let (exporter, tracer) = exporter(collector) { $0.batchMax = 2 }
        end(4, tracer)
        await run(exporter) { exporter.exported == 2 }
        #expect(exporter.dropped == 2)
    }

    @Test func `what was being sent at the end is sent by the last flush`() async throws {
        let collector = Collector()
        let isCut = Mutex(false)
        var limits = OTLPExporter.Limits()
        limits.interval = .milliseconds(1)
        limits.flushTime = .seconds(120)
        let exporter = OTLPExporter(resource: OTLPResource(service: "t"), limits: limits) { body in
            let isFirst = isCut.withLock { isCut in
                defer { isCut = true }
                return !isCut
            }
            guard isFirst else { return collector.take(body) }
            // The wait ends with the task.
            try? await Waiting.untilCancelled()
            return .unavailable("cancelled")
        }
        end(3, OTLPTracer(exporter))
        await run(exporter) { isCut.withLock { $0 } }
        await exporter.flush()
        #expect(try collector.spans.count == 3)
        #expect(exporter.dropped == 0)
    }

    @Test func `a collector that never answers does not hold the program up`() async {
        var limits = OTLPExporter.Limits()
        limits.flushTime = .milliseconds(50)
        let exporter = OTLPExporter(resource: OTLPResource(service: "t"), limits: limits) { _ in
            // The wait ends with the task.
            try? await Waiting.untilCancelled()
            return .unavailable("cancelled")
        }
        end(2, OTLPTracer(exporter))
        let start = ContinuousClock.now
        await exporter.flush()
        #expect(start.duration(to: .now) < .seconds(300))
        #expect(exporter.dropped == 2)
    }
}
