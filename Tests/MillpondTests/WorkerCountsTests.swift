import CoreMetrics
import Glibc
import Millpond
import PondCore
import PondTelemetry
import PondTestKit
import Synchronization
import Testing

/// Workers tell their supervisor what they count, over a real pipe.
@Suite struct WorkerCountsTests {
    private func eventually(_ what: String, _ holds: () -> Bool) async throws {
        try #require(try await Waiting.until(within: .seconds(60)) { holds() }, "\(what)")
    }

    private func count(_ registry: PrometheusRegistry, _ kind: String = "k", by number: Int64 = 1) {
        registry.makeCounter(
            label: "millpond_jobs_started_total",
            dimensions: [("queue", "q"), ("kind", kind)]
        ).increment(by: number)
    }

    private func started(_ registry: PrometheusRegistry) -> Int {
        registry.text().split(separator: "\n").filter { $0.hasPrefix("millpond_jobs_started_total{") }
            .reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
    }

    @Test func `many workers at once are summed up exactly`() async throws {
        let sum = PrometheusRegistry()
        let counts = WorkerCounts(sum)
        let pipe = try CountsPipe { counts.take($0) }
        defer { pipe.close() }
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    let registry = PrometheusRegistry()
                    guard let reporter = CountsReporter(registry, address: pipe.address) else {
                        Issue.record("no pipe at \(pipe.address)")
                        return
                    }
                    for round in 0..<25 {
                        // Labels of all lengths, so that writes are cut at every place.
                        let kind = String(repeating: "x", count: (worker * 31 + round * 7) % 250)
                        self.count(registry, kind, by: 3)
                        reporter.tell()
                    }
                    // What found no room is told until it has.
                    for _ in 0..<10 {
                        reporter.tell()
                        // Nobody cancels a test.
                        try? await LocalClock.system.sleep(.milliseconds(1))
                    }
                }
            }
        }
        try await eventually("all are counted: \(started(sum))") { started(sum) == 4 * 25 * 3 }
    }

    @Test func `a pipe that nobody reads holds no worker up and what found no room is told later`() async throws {
        let isOpen = Atomic(false)
        let sum = PrometheusRegistry()
        let counts = WorkerCounts(sum)
        let seen = Atomic(0)
        let pipe = try CountsPipe { line in
            // The reader stands still until it may go on.
            while !isOpen.load(ordering: .acquiring) {
                // The reader is a thread of its own, without tasks.
                usleep(1_000)
            }
            counts.take(line)
            seen.wrappingAdd(1, ordering: .relaxed)
        }
        defer { pipe.close() }
        let registry = PrometheusRegistry()
        let reporter = try #require(CountsReporter(registry, address: pipe.address))
        for round in 0..<400 {
            count(registry, "kind-\(round)-\(String(repeating: "y", count: 200))")
            if round % 40 == 0 { reporter.tell() }
        }
        // A pipe takes 64 KiB, and those are twice as much; the calls have come back all the same.
        #expect(seen.load(ordering: .relaxed) == 0)
        isOpen.store(true, ordering: .releasing)
        try await eventually("all are told") {
            reporter.tell()
            return started(sum) == 400
        }
        #expect(seen.load(ordering: .relaxed) > 0)
    }

    @Test func `gauges are those of workers that there are, counters stay`() throws {
        let sum = PrometheusRegistry()
        let counts = WorkerCounts(sum)
        counts.began(11)
        counts.began(12)
        for pid in [11, 12, 13] {
            counts.take("\(pid)\tmillpond_worker_slots\tq\t4")
            counts.take("\(pid)\tmillpond_jobs_started_total\tq\tk\t5")
        }
        counts.take("11\tmillpond_worker_slots\tq\t6")
        counts.take("11\tmillpond_build_info\t1\t1")
        for line in ["", "11", "x\tmillpond_worker_slots\tq\t4", "11\tmillpond_worker_slots"] { counts.take(line) }
        // 13 has ended, or was never known: its jobs were tried all the same.
        #expect(counts.readings.map(\.value) == [10])
        #expect(started(sum) == 15)
        counts.ended(11)
        #expect(counts.readings.map(\.value) == [4])
        counts.take("11\tmillpond_worker_slots\tq\t6")
        counts.ended(12)
        #expect(counts.readings.isEmpty)
        #expect(started(sum) == 15)
    }

    @Test func `a worker that tells of its slots before it is known has them a moment later`() async throws {
        let counts = WorkerCounts(PrometheusRegistry())
        let seen = Atomic(0)
        let pipe = try CountsPipe { line in
            counts.take(line)
            seen.wrappingAdd(1, ordering: .relaxed)
        }
        defer { pipe.close() }
        let registry = PrometheusRegistry()
        registry.makeMeter(label: "millpond_worker_slots", dimensions: [("queue", "q")]).set(Int64(4))
        let reporter = try #require(CountsReporter(registry, address: pipe.address))
        reporter.tell()
        try await eventually("it is read") { seen.load(ordering: .relaxed) == 1 }
        #expect(counts.readings.isEmpty)
        counts.began(getpid())
        reporter.tell()
        try await eventually("it is taken") { counts.readings.map(\.value) == [4] }
    }

    @Test func `an address that is no pipe of a supervisor is not written to`() throws {
        let registry = PrometheusRegistry()
        let pipe = try CountsPipe { _ in }
        defer { pipe.close() }
        let path = String(pipe.address.prefix { $0 != ":" })
        for address in ["", ":", path, "\(path):1", "/proc/self/exe:1", "/dev/null:1", "/nowhere:1"] {
            #expect(CountsReporter(registry, address: address) == nil, "\(address)")
        }
        #expect(CountsReporter(registry, address: pipe.address) != nil)
    }
}
