import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondTelemetry
import PondTestKit
import Testing

/// Metrics and traces of real processes.
@Suite(.redis, .serialized) struct TelemetryTests {
    @Test func `a worker tells what it has done`() async throws {
        let place = try Place()
        for _ in 0..<3 { try await place.enqueue("pond.echo") }
        try await place.enqueue("pond.sleep", #"{"seconds":-1}"#)
        let arguments = ["worker", "--metrics-port", "0", "--slots", "2"] + place.options
        let ended = try await Child.run(arguments) { child in
            let port = try await child.metricsPort()
            try await place.eventually("all jobs end") { $0.done == 3 && $0.dead == 1 }
            let queue = place.queue.name.text
            // The beat that tells of slots comes a second later.
            try await eventually("the worker tells of its slots") {
                try await HTTPProbe.get("/metrics", port: port).contains(
                    "millpond_worker_slots{queue=\"\(queue)\"} 2\n"
                )
            }
            let text = try await HTTPProbe.get("/metrics", port: port)
            for line in [
                #"millpond_jobs_started_total{kind="pond.echo",queue="\#(queue)"} 3"#,
                #"millpond_jobs_finished_total{kind="pond.echo",outcome="success",queue="\#(queue)"} 3"#,
                #"millpond_jobs_finished_total{kind="pond.sleep",outcome="dead",queue="\#(queue)"} 1"#,
                #"millpond_job_wait_seconds_count{class="B",queue="\#(queue)"} 4"#,
                #"millpond_job_run_seconds_count{kind="pond.echo",queue="\#(queue)"} 3"#,
                #"millpond_build_info{version="0.1.0"} 1"#,
            ] { #expect(text.contains(line + "\n"), "\(line) in\n\(text)") }
            #expect(text.contains(#"millpond_redis_command_seconds_count{script="pond_settle"}"#))
            for probe in ["/healthz", "/readyz"] {
                #expect(try await HTTPProbe.get(probe, port: port) == #"{"status":"ok","causes":[]}"# + "\n")
            }
            child.send(SIGTERM)
            try await child.exit()
        }
        #expect(ended.code == 0)
    }

    @Test func `a supervisor says that no worker is ready, and that its Redis is away, and lives on`() async throws {
        try await RedisServer.withServer { server in
            let release = server.directory + "/release"
            let worker = "until [ -e \(release) ]; do sleep 0.05; done; echo millpond:ready; exec sleep 600"
            let options = ["--workers", "1", "--metrics-port", "0", "--redis", server.url]
            try await Child.run(["supervise"] + options + ["--", "/bin/sh", "-c", worker]) { child in
                let port = try await child.metricsPort()
                func ready(_ words: String...) async throws {
                    try await eventually("it answers \(words)") {
                        let text = try await HTTPProbe.get("/readyz", port: port)
                        return words.allSatisfy { text.contains($0) }
                    }
                }
                try await ready(#""check":"workers""#, "1 starting")
                close(creat(release, 0o600))
                try await ready(#""status":"ok""#)
                server.kill()
                try await ready(#""check":"redis""#)
                #expect(try await HTTPProbe.get("/healthz", port: port).contains(#""status":"ok""#))
            }
        }
    }

    @Test func `the leader of a fleet speaks for its queues, and nobody else does`() async throws {
        try await withDirectory { directory in
            let place = try Place()
            let fleet = try Elastic(place, in: directory)
            let queue = place.queue.name.text
            let arguments = ["supervise", "--config", fleet.file, "--redis", place.url, "--metrics-port", "0"]
            try await Child.run(arguments) { first in
                let port = try await first.metricsPort()
                try await eventually("the first supervisor leads", says: first.log) {
                    try await HTTPProbe.get("/metrics", port: port).contains(
                        "millpond_leader{fleet=\"\(fleet.name)\"} 1\n"
                    )
                }
                try await Child.run(arguments) { second in
                    let other = try await second.metricsPort()
                    try await eventually("the second one follows", says: second.log) {
                        try await HTTPProbe.get("/metrics", port: other)
                            .contains("millpond_leader{fleet=\"\(fleet.name)\"} 0\n")
                    }
                    try await eventually("the leader tells of the queue", says: first.log) {
                        let text = try await HTTPProbe.get("/metrics", port: port)
                        return text.contains("millpond_queue_workers{queue=\"\(queue)\"} 1\n")
                            && text.contains("millpond_queue_jobs{queue=\"\(queue)\",state=\"waiting\"} 0\n")
                            && text.contains("millpond_queue_wait_target_seconds{queue=\"\(queue)\"} 2\n")
                            && text.contains("millpond_scale_granted_workers{queue=\"\(queue)\"} 1\n")
                            && text.contains("millpond_scale_hold{queue=\"\(queue)\",why=\"verify\"} 0\n")
                    }
                    #expect(!(try await HTTPProbe.get("/metrics", port: other).contains("millpond_queue_jobs")))
                    // The lead passes on, and the queue's voice with it.
                    first.send(SIGTERM)
                    try await first.exit()
                    try await eventually("the second one speaks now", says: second.log) {
                        let text = try await HTTPProbe.get("/metrics", port: other)
                        return text.contains("millpond_leader{fleet=\"\(fleet.name)\"} 1\n")
                            && text.contains("millpond_queue_jobs{queue=\"\(queue)\",state=\"waiting\"} 0\n")
                    }
                    second.send(SIGTERM)
                    try await second.exit()
                }
            }
        }
    }

    @Test func `a fixed fleet tells of its workers and its queue`() async throws {
        let place = try Place()
        let queue = place.queue.name.text
        try await Child.run(["supervise", "--workers", "2", "--metrics-port", "0"] + place.options) { child in
            let port = try await child.metricsPort()
            try await eventually("both workers are ready", says: child.log) {
                try await HTTPProbe.get("/metrics", port: port)
                    .contains("millpond_workers{queue=\"\(queue)\",state=\"ready\"} 2\n")
            }
            let worker = try #require(Processes.children(of: child.pid).first)
            kill(worker, SIGKILL)
            try await eventually("its end and the start of another are counted", says: child.log) {
                let text = try await HTTPProbe.get("/metrics", port: port)
                return text.contains("millpond_worker_exits_total{queue=\"\(queue)\",reason=\"killed\"} 1\n")
                    && text.contains("millpond_worker_starts_total{queue=\"\(queue)\"} 3\n")
                    && text.contains("millpond_worker_spawn_seconds_count{queue=\"\(queue)\"} 3\n")
            }
            let text = try await HTTPProbe.get("/metrics", port: port)
            #expect(text.contains("millpond_queue_jobs{queue=\"\(queue)\",state=\"dead\"} 0\n"))
            #expect(!text.contains("millpond_leader"))
            child.send(SIGTERM)
            try await child.exit()
        }
    }

    @Test func `a supervisor tells how a queue keeps its promises and of what its jobs died`() async throws {
        let place = try Place()
        let queue = place.queue.name.text
        try await place.queue.setTarget(
            ClassTarget(wait: .seconds(600), total: .seconds(600), objective: 0.9, success: 0.9),
            of: .b
        )
        for _ in 0..<3 { try await place.enqueue("pond.echo") }
        try await place.enqueue("pond.sleep", #"{"seconds":-1}"#)
        try await Child.run(["supervise", "--workers", "1", "--metrics-port", "0"] + place.options) { child in
            let port = try await child.metricsPort()
            // Nobody asks before, so that the first look sees all.
            try await place.eventually("all jobs end") { $0.done == 3 && $0.dead == 1 }
            let text = try await HTTPProbe.get("/metrics", port: port)
            let promise = #"class="B",queue="\#(queue)",slo="success""#
            for line in [
                #"millpond_slo_objective{\#(promise)} 0.9"#,
                #"millpond_slo_jobs{\#(promise),window="5m"} 4"#,
                #"millpond_slo_bad_jobs{\#(promise),window="3d"} 1"#,
                #"millpond_slo_bad_jobs{class="B",queue="\#(queue)",slo="wait",window="1h"} 0"#,
                #"millpond_slo_burn_rate{class="B",queue="\#(queue)",slo="total",window="30m"} 0"#,
                #"millpond_slo_budget_remaining{class="B",queue="\#(queue)",slo="wait"} 1"#,
                #"millpond_slo_late_jobs{class="B",queue="\#(queue)"} 0"#,
                #"millpond_dead_groups{queue="\#(queue)",state="open"} 1"#,
                #"millpond_dead_groups{queue="\#(queue)",state="regressed"} 0"#,
            ] { #expect(text.contains(line + "\n"), "\(line) in\n\(text)") }
            // One in four, and one in ten may.
            let burn = try #require(HTTPProbe.value(#"millpond_slo_burn_rate{\#(promise),window="6h"}"#, in: text))
            #expect(abs(burn - 2.5) < 0.001, "\(burn)")
            let left = try #require(HTTPProbe.value(#"millpond_slo_budget_remaining{\#(promise)}"#, in: text))
            #expect(abs(left + 1.5) < 0.001, "\(left)")
            #expect(!text.contains(#"class="A""#), "nothing is told of classes without jobs")
            child.send(SIGTERM)
            try await child.exit()
        }
    }

    @Test func `jobs that nobody works on burn the budget while they wait`() async throws {
        let place = try Place()
        let queue = place.queue.name.text
        let target = ClassTarget(wait: .milliseconds(1), total: .seconds(600), objective: 0.99, success: 0.9)
        try await place.queue.setTarget(target, of: .a, asDefault: true)
        for _ in 0..<5 { try await place.enqueue("pond.echo") }
        let fleet = ["--fleet", "f\(queue)".lowercased(), "--wait-target", "5s", "--max", "1", "--metrics-port", "0"]
        // What it starts only sleeps.
        try await Child.run(["supervise"] + fleet + place.options + ["--", "/bin/sleep", "600"]) { child in
            let port = try await child.metricsPort()
            try await eventually("the leader tells of late jobs", says: child.log) {
                try await HTTPProbe.get("/metrics", port: port)
                    .contains("millpond_slo_late_jobs{class=\"A\",queue=\"\(queue)\"} 5\n")
            }
            let text = try await HTTPProbe.get("/metrics", port: port)
            for window in ["5m", "30m", "1h", "6h", "3d"] {
                let labels = #"{class="A",queue="\#(queue)",slo="wait",window="\#(window)"}"#
                #expect(HTTPProbe.value("millpond_slo_bad_jobs\(labels)", in: text) == 5)
                let burn = try #require(HTTPProbe.value("millpond_slo_burn_rate\(labels)", in: text))
                #expect(abs(burn - 100) < 0.001, "\(window): \(burn)")
            }
            #expect(
                HTTPProbe.value(#"millpond_slo_jobs{class="A",queue="\#(queue)",slo="total",window="5m"}"#, in: text)
                    == 0
            )
            child.send(SIGTERM)
            try await child.exit()
        }
    }

    /// Every counter and histogram of the text, by its series.
    private func counts(in text: String) -> [Substring: Double] {
        text.split(separator: "\n").reduce(into: [:]) { counts, line in
            let name = line.prefix { $0 != "{" && $0 != " " }
            guard ["_total", "_bucket", "_count"].contains(where: { name.hasSuffix($0) }),
                let space = line.lastIndex(of: " ")
            else { return }
            counts[line[..<space]] = Double(line[line.index(after: space)...])
        }
    }

    @Test func `a supervisor tells what its workers counted, also those that were killed`() async throws {
        let place = try Place()
        let queue = place.queue.name.text
        try await Child.run(["supervise", "--workers", "2", "--metrics-port", "0"] + place.options) { child in
            let port = try await child.metricsPort()
            let last = Guarded<[Substring: Double]>([:])
            let success = #"millpond_jobs_finished_total{kind="pond.echo",outcome="success",queue="\#(queue)"}"#
            /// Looks, and holds it against the look before: nothing may fall.
            func look() async throws -> String {
                let text = try await HTTPProbe.get("/metrics", port: port)
                let counts = counts(in: text)
                for (series, before) in last.value { #expect(counts[series, default: -1] >= before, "\(series)") }
                last.change { $0 = counts }
                return text
            }
            for round in 1...3 {
                for _ in 0..<40 { try await place.enqueue("pond.echo") }
                try await eventually("all jobs of round \(round) are counted", says: child.log) {
                    HTTPProbe.value(success, in: try await look()) == Double(40 * round)
                }
                // Counted before they are settled; what is not may run again when its worker is killed.
                try await place.eventually("all jobs of round \(round) are settled") { $0.done == 40 * round }
                // The slots of those that there are, not of those that there were.
                try await eventually("two workers have ten slots each", says: child.log) {
                    HTTPProbe.value("millpond_worker_slots{queue=\"\(queue)\"}", in: try await look()) == 20
                }
                let worker = try #require(Processes.children(of: child.pid).first)
                kill(worker, SIGKILL)
                try await eventually("its slots are gone, and come back with another", says: child.log) {
                    let text = try await look()
                    return text.contains("millpond_worker_exits_total{queue=\"\(queue)\",reason=\"killed\"} \(round)\n")
                        && text.contains("millpond_workers{queue=\"\(queue)\",state=\"ready\"} 2\n")
                }
            }
            let text = try await look()
            #expect(HTTPProbe.value(success, in: text) == 120)
            let kind = #"kind="pond.echo",queue="\#(queue)""#
            #expect(HTTPProbe.value("millpond_job_run_seconds_count{\(kind)}", in: text) == 120)
            #expect(HTTPProbe.value("millpond_job_attempts_bucket{\(kind),le=\"1\"}", in: text) == 120)
            #expect(text.contains(#"millpond_redis_command_seconds_count{script="pond_settle"}"#))
            // Under load: what a worker has not told when it is killed is a second of it, and nothing is counted back.
            for _ in 0..<400 { try await place.enqueue("pond.echo") }
            for worker in Processes.children(of: child.pid) { kill(worker, SIGKILL) }
            try await place.eventually("all are done", within: .seconds(60)) { $0.done == 520 }
            for _ in 0..<10 {
                _ = try await look()
                // That nothing is counted back shows in time only.
                try await LocalClock.system.sleep(.milliseconds(100))
            }
            child.send(SIGTERM)
            try await child.exit()
        }
    }

    @Test func `workers of a supervisor without metrics are told of no pipe`() async throws {
        let place = try Place()
        let script = "echo pipe=${MILLPOND_METRICS:-none}; exec sleep 600"
        for (options, isTold) in [([], false), (["--metrics-port", "0"], true)] {
            let arguments =
                ["supervise", "--workers", "1", "--redis", place.url] + options + ["--", "/bin/sh", "-c", script]
            // As if this supervisor were a worker of another one.
            let environment = ["MILLPOND_METRICS": "/proc/1/fd/1:1"]
            try await Child.run(arguments, environment: environment) { child in
                let line = try await child.line("pipe=", on: .output)
                if isTold {
                    #expect(line.contains("pipe=/proc/\(child.pid)/fd/"), "\(line)")
                } else {
                    #expect(line.hasSuffix("pipe=none"), "\(line)")
                }
                child.send(SIGTERM)
                try await child.exit()
            }
        }
    }

    @Test(arguments: [
        (["--metrics-port", "70000"], "--metrics-port is 70000"),
        (["--metrics-host", "0.0.0.0"], "--metrics-host means nothing"),
    ])
    func `options that mean nothing are refused`(options: [String], text: String) async throws {
        let ended = try await Child.run(["worker"] + options)
        #expect(ended.code == 2)
        #expect(ended.error.joined().contains(text), "\(ended.error)")
    }

    /// A collector in Python that writes down what is posted to it.
    private static let collector = """
        import http.server, json, os, sys, threading
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *words): pass
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
                for resource in request["resourceSpans"]:
                    name = [a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "service.name"][0]
                    for span in resource["scopeSpans"][0]["spans"]:
                        print("span", name, span["name"].replace(" ", "/"), span["kind"], span["traceId"], span["spanId"],
                              span.get("parentSpanId", "-"), flush=True)
                self.send_response(200)
                self.end_headers()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print("port", server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        """

    @Test func `a trace goes from the producer through a worker to the child job`() async throws {
        let place = try Place()
        let script = "\(Child.path("pond")) enqueue child \(place.options.joined(separator: " ")) >/dev/null"
        // The parent's handler enqueues a child, which has nothing to do.
        let handler = "if [ \"$MILLPOND_KIND\" = parent ]; then \(script); fi"
        try await Child.run(["python3", "-c", Self.collector], of: "/usr/bin/env", holdsInput: true) { collector in
            let port = try await collector.line("port ", on: .output).split(separator: " ")[1]
            let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)", "OTEL_SERVICE_NAME": "test"]
            try await Child.run(
                ["worker", "--exec-once", handler] + place.options,
                environment: environment
            ) { worker in
                try await Child.run(["enqueue", "parent"] + place.options, environment: environment)
                try await place.eventually("parent and child are done") { $0.done == 2 }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            try await eventually("all spans come", says: collector.log) {
                collector.lines(.output).filter { $0.hasPrefix("span ") }.count == 4
            }
            let spans = collector.lines(.output).filter { $0.hasPrefix("span ") }.map { $0.split(separator: " ") }
            #expect(Set(spans.map { $0[4] }).count == 1, "one trace: \(spans)")
            let queue = place.queue.name.text
            let root = try #require(spans.first { $0[6] == "-" })
            #expect(root[1] == "test" && root[2] == "send/\(queue)" && root[3] == "4")
            var chain = [root]
            while let next = spans.first(where: { $0[6] == chain[chain.count - 1][5] }) { chain.append(next) }
            #expect(chain.map { $0[2] } == ["send/\(queue)", "process/\(queue)", "send/\(queue)", "process/\(queue)"])
            try await collector.endInput()
            try await collector.exit()
        }
    }

    @Test func `a collector that is away changes nothing for jobs`() async throws {
        let place = try Place()
        let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"]
        let ended = try await Child.run(["enqueue", "pond.echo"] + place.options, environment: environment)
        #expect(ended.code == 0)
        #expect(ended.output.count == 1)
        #expect(try await place.queue.depth().ready == 1)
    }
}

extension HTTPProbe {
    /// The value of a series in the text of metrics.
    static func value(_ series: String, in text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(series + " ") }.flatMap {
            Double($0.dropFirst(series.count + 1))
        }
    }
}

extension Child {
    /// The port on which it serves its metrics, as its log says.
    func metricsPort() async throws -> Int {
        let line = try await line("metrics are served")
        let address = try #require(line.split(separator: " ").first { $0.hasPrefix("address=") })
        let port = address.split(separator: ":").last?.prefix { $0.isNumber }
        return try #require(port.flatMap { Int($0) }, "\(line)")
    }
}

extension Place {
    fileprivate func enqueue(_ kind: String, _ data: String = "{}") async throws {
        _ = try await queue.enqueue(NewJob(kind: try JobKind(kind), data: Array(data.utf8)))
    }
}
