import CoreMetrics
import PondTelemetry
import Testing

/// What one process tells another of what it has counted.
@Suite struct MetricDeltaTests {
    private func count(_ registry: PrometheusRegistry, _ queue: String, by number: Int64) {
        registry.makeCounter(
            label: "millpond_jobs_started_total",
            dimensions: [("queue", queue), ("kind", "k")]
        ).increment(by: number)
    }

    private func time(_ registry: PrometheusRegistry, _ seconds: Double) {
        let dimensions = [("queue", "q"), ("kind", "k")]
        registry.makeTimer(label: "millpond_job_run_seconds", dimensions: dimensions)
            .recordNanoseconds(Int64(seconds * 1e9))
    }

    /// Tells all news as text, as over a pipe.
    private func tell(_ from: PrometheusRegistry, _ told: inout MetricDeltas, _ to: [PrometheusRegistry]) throws -> Int
    {
        let news = told.news(from.ownTotals(gauges: []))
        for delta in news {
            let read = try #require(MetricDelta(text: delta.text), "\(delta.text)")
            #expect(read == delta)
            for registry in to { registry.add(read) }
        }
        told.tell(news)
        return news.count
    }

    @Test func `what several told adds up to what they counted`() throws {
        let (one, other, sum, all) = (
            PrometheusRegistry(), PrometheusRegistry(), PrometheusRegistry(), PrometheusRegistry()
        )
        var (toldOne, toldOther) = (MetricDeltas(), MetricDeltas())
        for round in 1...3 {
            for (registry, factor) in [(one, 1), (other, 10)] {
                count(registry, "q", by: Int64(round * factor))
                count(all, "q", by: Int64(round * factor))
                let seconds = [0.25, 3, 4_000][round - 1]
                time(registry, seconds)
                time(all, seconds)
            }
            _ = try tell(one, &toldOne, [sum])
            // One that is slow tells more at once.
            if round != 2 { _ = try tell(other, &toldOther, [sum]) }
        }
        #expect(sum.text() == all.text())
        #expect(try tell(one, &toldOne, [sum]) == 0, "nothing is told twice")
    }

    @Test func `what could not be told is told with the next`() {
        let registry = PrometheusRegistry()
        var told = MetricDeltas()
        count(registry, "q", by: 5)
        #expect(told.news(registry.ownTotals(gauges: [])).map(\.amount) == [.counter(5)])
        count(registry, "q", by: 2)
        let news = told.news(registry.ownTotals(gauges: []))
        #expect(news.map(\.amount) == [.counter(7)])
        told.tell(news)
        #expect(told.news(registry.ownTotals(gauges: [])).isEmpty)
    }

    @Test func `what a gauge shows is told each time`() {
        let registry = PrometheusRegistry()
        registry.makeMeter(label: "millpond_worker_slots", dimensions: [("queue", "q")]).set(Int64(4))
        var told = MetricDeltas()
        for _ in 0..<3 {
            let news = told.news(registry.ownTotals(gauges: [.workerSlots]))
            #expect(news.map(\.amount) == [.gauge(4)])
            told.tell(news)
        }
    }

    @Test func `labels may hold anything and no line is longer than a pipe keeps whole`() throws {
        for label in ["a\tb\nc\\d", "\\t\\n", "", "ä€😀\r", String(repeating: "\t", count: 300)] {
            let registry = PrometheusRegistry()
            count(registry, label, by: 1 << 52)
            let delta = try #require(registry.ownTotals(gauges: []).first)
            #expect(!delta.text.contains("\n"))
            #expect(MetricDelta(text: delta.text) == delta)
            #expect(delta.text.utf8.count < 4_000)
        }
        let buckets = [UInt64](repeating: UInt64(UInt32.max), count: Metric.jobRun.bounds.count + 1)
        let labels = [String](repeating: String(repeating: "\n", count: 256), count: 2)
        let widest = MetricDelta(.jobRun, labels, .histogram(buckets, sum: 1.234567890123456e300))
        #expect(widest.text.utf8.count < 4_000)
        #expect(MetricDelta(text: widest.text) == widest)
    }

    @Test(arguments: [
        "", "x", "millpond_nothing_total\t1", "millpond_jobs_started_total\tq\t5",
        "millpond_jobs_started_total\tq\tk\t-5",
        "millpond_jobs_started_total\tq\tk\t5\t6", "millpond_jobs_started_total\tq\tk\t99999999999999999999",
        "millpond_job_run_seconds\tq\tk\tnan\t1:1", "millpond_job_run_seconds\tq\tk\t1\t21:1",
        "millpond_job_run_seconds\tq\tk\t1\t1:-1", "millpond_job_run_seconds\tq\tk\t1\t1:4294967296",
        "millpond_job_run_seconds\tq\tk\t1", "millpond_worker_slots\tq\tinf",
    ])
    func `a line that is none is dropped`(line: String) {
        #expect(MetricDelta(text: line) == nil)
    }

    @Test func `a program's own metrics and single gauges are not told`() {
        let registry = PrometheusRegistry()
        registry.makeCounter(label: "mails_sent", dimensions: []).increment(by: 1)
        registry.makeCounter(label: "millpond_jobs_started_total", dimensions: [("other", "x")]).increment(by: 1)
        registry.makeMeter(label: "millpond_build_info", dimensions: [("version", "1")]).set(Int64(1))
        registry.makeMeter(label: "millpond_worker_slots", dimensions: [("queue", "q")]).set(Int64(4))
        #expect(registry.ownTotals(gauges: [.workerSlots]) == [MetricDelta(.workerSlots, ["q"], .gauge(4))])
    }
}
