import CoreMetrics
import Glibc
import PondCore
import PondTelemetry
import Testing

/// The metrics of this process, set up once: there can be no second time.
enum OwnMetrics {
    static let registry: PrometheusRegistry = {
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return registry
    }()

    static func lines(_ prefix: String) -> [String] {
        registry.text().split(separator: "\n").map { String($0) }.filter { $0.hasPrefix(prefix) }
    }
}

@Suite struct MetricTests {
    private static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    private func text(_ path: String) throws -> String {
        let file = try #require(fopen("\(Self.root)/\(path)", "r"), "\(path) is missing")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names of ours in a text, without what histograms put behind them.
    private func names(in text: String) -> Set<String> {
        let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == ":") }
        let known = Set(Metric.all.map(\.name))
        return Set(
            words.filter { $0.hasPrefix("millpond_") }.map { word in
                for suffix in ["_bucket", "_sum", "_count"] where word.hasSuffix(suffix) {
                    let name = String(word.dropLast(suffix.count))
                    if known.contains(name) { return name }
                }
                return String(word)
            }
        )
    }

    @Test func `names follow Prometheus' rules`() {
        #expect(Set(Metric.all.map(\.name)).count == Metric.all.count)
        for metric in Metric.all {
            #expect(metric.name.hasPrefix("millpond_"))
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            #expect((metric.kind == .histogram) == !metric.bounds.isEmpty, "\(metric.name)")
            #expect(metric.bounds == metric.bounds.sorted(), "\(metric.name)")
            #expect(!metric.help.isEmpty && !metric.help.hasSuffix("."), "\(metric.name)")
            #expect(!metric.labels.contains("le"))
        }
    }

    @Test func `the buckets of waits have the target of every class`() {
        for jobClass in JobClass.allCases {
            let target = ClassTarget.standard(jobClass).wait.inSeconds
            #expect(Metric.jobWait.bounds.contains(target), "class \(jobClass): \(target) s")
        }
    }

    @Test func `the documentation's table is the list of metrics`() throws {
        let rows = try text("docs/telemetry.md").split(separator: "\n").filter { $0.hasPrefix("| `millpond_") }
        let documented = rows.map { row in row.split(separator: "|").map { $0.trimmed } }
        let known = Metric.all.map { metric in
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return ["`\(metric.name)`", metric.kind.rawValue, labels.isEmpty ? "–" : labels]
        }
        #expect(documented.map { Array($0.prefix(3)) } == known)
    }

    @Test(arguments: ["ops/prometheus/rules.yml", "ops/prometheus/rules_test.yml", "ops/grafana/millpond.json"])
    func `rules and dashboard name only metrics that exist`(path: String) throws {
        let names = names(in: try text(path))
        #expect(!names.isEmpty)
        #expect(names.subtracting(Metric.all.map(\.name)) == [], "\(path)")
    }

    @Test func `every alert is explained`() throws {
        let alerts = try text("ops/prometheus/rules.yml").split(separator: "\n").compactMap { line in
            line.trimmed.hasPrefix("- alert: ") ? String(line.trimmed.dropFirst(9)) : nil
        }
        let explained = try text("docs/telemetry.md").split(separator: "\n").filter { $0.hasPrefix("### Millpond") }
        #expect(!alerts.isEmpty)
        #expect(alerts == explained.map { String($0.dropFirst(4)) })
    }

    @Test func `gauges that are not said any more are gone`() {
        _ = OwnMetrics.registry
        let gauges = GaugeSet()
        gauges.say([.init(.queuePaused, "a", value: 1), .init(.queuePaused, "b", value: 0)])
        #expect(OwnMetrics.lines("millpond_queue_paused{").count == 2)
        gauges.say([.init(.queuePaused, "b", value: 1)])
        #expect(OwnMetrics.lines("millpond_queue_paused{") == ["millpond_queue_paused{queue=\"b\"} 1"])
        gauges.say([])
        #expect(OwnMetrics.lines("millpond_queue_paused{").isEmpty)
    }

    @Test func `a counter that somebody else counts follows it, even back to zero`() {
        _ = OwnMetrics.registry
        let counters = CounterSet(.jobsDone)
        counters.say(["a": 5])
        counters.say(["a": 9, "b": 1])
        #expect(
            OwnMetrics.lines("millpond_jobs_done_total{") == [
                "millpond_jobs_done_total{queue=\"a\"} 9", "millpond_jobs_done_total{queue=\"b\"} 1",
            ]
        )
        counters.say(["a": 2])
        #expect(OwnMetrics.lines("millpond_jobs_done_total{") == ["millpond_jobs_done_total{queue=\"a\"} 2"])
    }

    @Test func `a worker's counts have the labels of its kinds`() throws {
        _ = OwnMetrics.registry
        let metrics = try #require(WorkerMetrics.ifWanted("own", kinds: ["mail.send"]))
        metrics.began(0, nil, wait: .milliseconds(30))
        metrics.began(0, .a, wait: nil)
        metrics.ran(0, for: .milliseconds(70))
        metrics.ended(0, .success)
        metrics.ended(nil, .expired)
        metrics.closed(0, .c, total: .seconds(40), attempts: 4)
        metrics.closed(0, nil, total: nil, attempts: 1)
        metrics.busy(3, of: 10, isBraked: true)
        #expect(
            OwnMetrics.lines("millpond_jobs_started_total{kind=\"mail.send\",queue=\"own\"}") == [
                "millpond_jobs_started_total{kind=\"mail.send\",queue=\"own\"} 2"
            ]
        )
        #expect(OwnMetrics.lines("millpond_job_wait_seconds_count{class=\"B\",queue=\"own\"} 1").count == 1)
        #expect(OwnMetrics.lines("millpond_job_run_seconds_sum{kind=\"mail.send\",queue=\"own\"} 0.07").count == 1)
        #expect(OwnMetrics.lines("millpond_job_total_seconds_sum{class=\"C\",queue=\"own\"} 40").count == 1)
        #expect(OwnMetrics.lines("millpond_job_attempts_sum{kind=\"mail.send\",queue=\"own\"} 5").count == 1)
        let tries = #"millpond_job_attempts_bucket{kind="mail.send",queue="own",le="5"} 2"#
        #expect(OwnMetrics.lines(tries).count == 1)
        let expired = #"millpond_jobs_finished_total{kind="other",outcome="expired",queue="own"} 1"#
        #expect(OwnMetrics.lines(expired).count == 1)
        #expect(OwnMetrics.lines("millpond_worker_busy_slots{queue=\"own\"} 3").count == 1)
        #expect(OwnMetrics.lines("millpond_worker_braked{queue=\"own\"} 1").count == 1)
        metrics.busy(0, of: 10, isBraked: false)
        #expect(OwnMetrics.lines("millpond_worker_braked{queue=\"own\"} 0").count == 1)
    }

    @Test func `steps count by kind and name, those of made-up names under one, and none before the first`() throws {
        _ = OwnMetrics.registry
        let metrics = try #require(WorkerMetrics.ifWanted("flows", kinds: ["order.ship"]))
        func lines() -> [String] { OwnMetrics.lines("millpond_saga").filter { $0.contains(#"queue="flows""#) } }
        func steps(_ event: String, _ step: String) -> Int? {
            let labels =
                #"millpond_saga_steps_total{event="\#(event)",kind="order.ship",queue="flows",step="\#(step)"} "#
            return lines().first { $0.hasPrefix(labels) }.flatMap { Int($0.dropFirst(labels.count)) }
        }
        #expect(lines().isEmpty)
        metrics.sagas.count(.begun, kind: metrics.label(of: 0), step: "charge")
        metrics.sagas.count(.begun, kind: metrics.label(of: 0), step: "charge#2")
        metrics.sagas.count(.undone, kind: metrics.label(of: 0), step: "charge")
        for number in 0..<500 { metrics.sagas.count(.done, kind: "order.ship", step: "page-\(number)") }
        metrics.sagas.ran(kind: "order.ship", for: .milliseconds(20))
        metrics.sagas.woke(late: .milliseconds(-3))
        #expect(steps("begun", "charge") == 2 && steps("undone", "charge") == 1 && steps("done", "other") == 401)
        // 99 made-up names and `other` were done; `charge` was begun and undone.
        #expect(lines().count { $0.hasPrefix("millpond_saga_steps_total") } == SagaMetrics.stepsMax + 2)
        #expect(lines().contains { $0.hasPrefix("millpond_saga_step_seconds_count") && $0.hasSuffix(" 1") })
        #expect(lines().contains { $0.hasPrefix("millpond_saga_timer_late_seconds_sum") && $0.hasSuffix(" 0") })
    }
}

extension Substring {
    fileprivate var trimmed: String {
        let start = drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}
