import CoreMetrics
import PondTelemetry
import Testing

@Suite struct PrometheusTextTests {
    private let registry = PrometheusRegistry(seriesMax: 4)

    private func lines(_ prefix: String) -> [String] {
        registry.text().split(separator: "\n").map { String($0) }.filter { $0.hasPrefix(prefix) }
    }

    @Test func `a known metric has its help and its type above its series`() {
        registry.makeCounter(label: Metric.leaseLost.name, dimensions: [("queue", "mail")]).increment(by: 3)
        let expected = """
            # HELP millpond_lease_lost_total Results of this worker that changed nothing, because another one had the job
            # TYPE millpond_lease_lost_total counter
            millpond_lease_lost_total{queue="mail"} 3

            """
        #expect(registry.text() == expected)
    }

    @Test func `a hostile value stays within its quotes`() {
        let value = "a\"} 1\nmillpond_leader{fleet=\"x\\"
        registry.makeMeter(label: "g", dimensions: [("queue", value)]).set(1.0)
        #expect(lines("g{") == [#"g{queue="a\"} 1\nmillpond_leader{fleet=\"x\\"} 1"#])
        #expect(lines("millpond_leader").isEmpty)
    }

    @Test(
        arguments: [
            ("a.b-c", "a_b_c"), ("1a", "_1a"), ("", "_"), ("a:b", "a:b"), ("é\n{", "___"),
        ]
    )
    func `a name is made to fit`(label: String, name: String) {
        registry.makeMeter(label: label, dimensions: []).set(Int64(2))
        #expect(lines(name + " ") == ["\(name) 2"])
    }

    @Test(arguments: [("le", "label_le"), ("__name__", "label_name__"), ("a.b", "a_b"), ("quantile", "label_quantile")])
    func `a label that Prometheus keeps for itself gets another name`(label: String, name: String) {
        registry.makeMeter(label: "g", dimensions: [(label, "x")]).set(1.0)
        #expect(lines("g{") == ["g{\(name)=\"x\"} 1"])
    }

    @Test func `counters end in total, timers in seconds`() {
        registry.makeCounter(label: "http.requests", dimensions: []).increment(by: 1)
        registry.makeTimer(label: "work", dimensions: []).recordNanoseconds(1_500_000_000)
        #expect(lines("http_requests_total") == ["http_requests_total 1"])
        #expect(lines("work_seconds_sum") == ["work_seconds_sum 1.5"])
    }

    @Test func `buckets count up to the last, which is the count`() {
        let timer = registry.makeTimer(label: Metric.redisCommand.name, dimensions: [("script", "f")])
        for milliseconds in [0.1, 0.5, 0.6, 30, 5_000] { timer.recordNanoseconds(Int64(milliseconds * 1e6)) }
        let name = Metric.redisCommand.name
        #expect(
            lines(name) == [
                "\(name)_bucket{script=\"f\",le=\"0.0005\"} 2", "\(name)_bucket{script=\"f\",le=\"0.001\"} 3",
                "\(name)_bucket{script=\"f\",le=\"0.0025\"} 3", "\(name)_bucket{script=\"f\",le=\"0.005\"} 3",
                "\(name)_bucket{script=\"f\",le=\"0.01\"} 3", "\(name)_bucket{script=\"f\",le=\"0.025\"} 3",
                "\(name)_bucket{script=\"f\",le=\"0.05\"} 4", "\(name)_bucket{script=\"f\",le=\"0.1\"} 4",
                "\(name)_bucket{script=\"f\",le=\"0.25\"} 4", "\(name)_bucket{script=\"f\",le=\"0.5\"} 4",
                "\(name)_bucket{script=\"f\",le=\"1\"} 4", "\(name)_bucket{script=\"f\",le=\"+Inf\"} 5",
                "\(name)_sum{script=\"f\"} 5.0312", "\(name)_count{script=\"f\"} 5",
            ]
        )
    }

    @Test func `too many label values count together under other`() {
        for number in 0..<10 {
            registry.makeCounter(label: "c", dimensions: [("kind", "k\(number)"), ("queue", "q")]).increment(by: 1)
        }
        #expect(lines("c_total").count == 5)
        #expect(lines("c_total{kind=\"other\"") == ["c_total{kind=\"other\",queue=\"other\"} 6"])
    }

    @Test func `a very long value is cut between characters`() {
        registry.makeMeter(label: "g", dimensions: [("a", String(repeating: "é", count: 500))]).set(1.0)
        #expect(lines("g{") == ["g{a=\"\(String(repeating: "é", count: 128))\"} 1"])
    }

    @Test func `the same labels in another order are the same series`() {
        registry.makeCounter(label: "c", dimensions: [("a", "1"), ("b", "2")]).increment(by: 1)
        registry.makeCounter(label: "c", dimensions: [("b", "2"), ("a", "1")]).increment(by: 1)
        #expect(lines("c_total") == ["c_total{a=\"1\",b=\"2\"} 2"])
    }

    @Test func `a name belongs to one kind of metric`() {
        registry.makeCounter(label: "x_total", dimensions: []).increment(by: 1)
        registry.makeMeter(label: "x_total", dimensions: []).set(5.0)
        #expect(lines("x_total") == ["x_total 1"])
    }

    @Test func `what is destroyed is not told any more`() {
        let meter = registry.makeMeter(label: "g", dimensions: [("queue", "a")])
        meter.set(1.0)
        registry.makeMeter(label: "g", dimensions: [("queue", "b")]).set(2.0)
        registry.destroyMeter(meter)
        #expect(lines("g{") == ["g{queue=\"b\"} 2"])
    }

    @Test func `numbers are written so that they can be read back`() {
        for (name, value) in [("a", 0.1), ("b", 1e300), ("c", -.infinity), ("d", .nan), ("e", 9_007_199_254_740_992)] {
            registry.makeMeter(label: name, dimensions: []).set(value)
        }
        let values = registry.text().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(values == ["a 0.1", "b 1e+300", "c -Inf", "d NaN", "e 9007199254740992.0"])
    }

    @Test func `counters never fall, and what is no number is left out`() {
        let counter = registry.makeFloatingPointCounter(label: "c", dimensions: [])
        counter.increment(by: 0.25)
        counter.increment(by: -1)
        counter.increment(by: .infinity)
        counter.increment(by: .nan)
        let whole = registry.makeCounter(label: "c", dimensions: [])
        whole.increment(by: 2)
        whole.increment(by: -5)
        registry.makeTimer(label: "t", dimensions: []).recordNanoseconds(.max)
        registry.makeRecorder(label: "r", dimensions: [], aggregate: true).record(.nan)
        #expect(lines("c_total") == ["c_total 2.25"])
        #expect(lines("r_count") == ["r_count 0"])
        #expect(lines("t_seconds_count") == ["t_seconds_count 1"])
    }

    @Test func `many threads lose no count`() async {
        let counter = registry.makeCounter(label: "c", dimensions: [])
        let timer = registry.makeTimer(label: "t", dimensions: [])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<10_000 {
                        counter.increment(by: 1)
                        timer.recordNanoseconds(Int64(number) * 1_000_000)
                    }
                }
            }
        }
        #expect(lines("c_total") == ["c_total 80000"])
        #expect(lines("t_seconds_count") == ["t_seconds_count 80000"])
    }

    @Test func `each value is in the first bucket that it fits`() {
        let recorder = registry.makeRecorder(label: "r", dimensions: [], aggregate: true)
        var generator = SystemRandomNumberGenerator()
        let values = (0..<2_000).map { _ in Double.random(in: -1...4_000, using: &generator) } + Metric.jobRun.bounds
        for value in values { recorder.record(value) }
        for bound in Metric.jobRun.bounds {
            let text = bound == bound.rounded() ? "\(Int(bound))" : "\(bound)"
            let count = values.count { $0 <= bound }
            #expect(lines("r_bucket{le=\"\(text)\"}") == ["r_bucket{le=\"\(text)\"} \(count)"])
        }
    }
}
