import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// What is promised in milliseconds.
///
/// Run apart from suites that block threads on purpose (`scripts/test` does).
@Suite(.redis, .serialized)
struct TimingTests {
    @Test func `a delayed job runs when it is due, not before and not much later`() async throws {
        let harness = try Harness()
        let lateness = Record<Int64>()
        let job = JobRegistration(kind: "timed") { job in
            let time = try await harness.redis.send(RedisCommand("TIME"))
            let parts = time.array?.compactMap(\.int) ?? []
            let now = parts[0] * 1_000 + parts[1] / 1_000
            lateness.add(now - (Int64(job.headers["due"] ?? "") ?? 0))
        }
        try await harness.withWorker(JobList { job }) { _ in
            for index in 0..<10 {
                let time = try await harness.redis.send(RedisCommand("TIME"))
                let parts = time.array?.compactMap(\.int) ?? []
                let due = parts[0] * 1_000 + parts[1] / 1_000 + Int64(100 + index * 130)
                var options = EnqueueOptions()
                options.runAt = ServerTime(milliseconds: due)
                options.headers["due"] = String(due)
                try await harness.enqueue("timed", "{}", options)
            }
            try await harness.eventually { $0.done == 10 }
        }
        #expect(lateness.all.count == 10)
        #expect(lateness.all.allSatisfy { $0 >= 0 })
        #expect(lateness.all.sorted()[8] <= 50, "lateness in ms: \(lateness.all.sorted())")
    }

    @Test func `what a lost worker had runs again within its lease and a sweep, with a recovery more`() async throws {
        let harness = try Harness()
        for _ in 0..<20 { try await harness.enqueue("job") }
        let lost = Consumer("lost-1")
        _ = try await harness.queue.beat(as: lost, about: "{}")
        _ = try await harness.queue.fetch(as: lost, atMost: 20)
        let died = ContinuousClock.now
        let recoveries = Record<Int>()
        let job = JobRegistration(kind: "job") { recoveries.add($0.recoveries) }
        let took = try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.done == 20 }
            return ContinuousClock.now - died
        }
        #expect(recoveries.all == Array(repeating: 1, count: 20))
        #expect(took < .seconds(5), "took \(took)")
    }

    @Test func `an idle worker costs at most two commands a second`() async throws {
        let harness = try Harness()
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in } }) { _ in
            // The start has commands of its own.
            try await Task.sleep(for: .seconds(1))
            let before = try await commands(harness)
            // What a second costs shows in seconds.
            try await Task.sleep(for: .seconds(5))
            let after = try await commands(harness)
            #expect(after - before <= 11, "\(after - before) commands in 5 s, the count itself included")
        }
    }

    /// Calls of the two commands that a worker makes by itself.
    ///
    /// The suite's tests run one after the other, on a server of their own, so nobody else makes any.
    private func commands(_ harness: Harness) async throws -> Int {
        let info = try await harness.redis.send(RedisCommand("INFO", "commandstats")).string ?? ""
        var total = 0
        for line in info.split(separator: "\r\n") {
            guard line.hasPrefix("cmdstat_fcall") || line.hasPrefix("cmdstat_xreadgroup") else { continue }
            let calls = line.split(separator: "calls=").dropFirst().first?.prefix { $0.isNumber } ?? "0"
            total += Int(calls) ?? 0
        }
        return total
    }
}
