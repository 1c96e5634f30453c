import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// What a worker tells the journal of its jobs.
@Suite(.redis)
struct JournalingTests {
    @Test func `a done job is told with its kind, its ids, its wait and its run`() async throws {
        let harness = try Harness()
        let slow = JobRegistration(kind: "slow") { _ in try await Waiting.work(for: .milliseconds(30)) }
        var options = EnqueueOptions()
        (options.correlationID, options.causationID) = ("intent-1", "9-0")
        let id = try await harness.enqueue("slow", "{}", options)
        try await harness.withWorker(JobList { slow }) { _ in
            try await harness.eventually { $0.done == 1 }
        }
        let event = try #require(try await harness.journal().first { $0.what == .done })
        #expect(event.job == id)
        let facts = try #require(event.facts)
        #expect(facts.kind == "slow" && facts.attempt == 1)
        #expect(facts.correlationID == "intent-1" && facts.causationID == "9-0")
        #expect(try #require(facts.run) >= .milliseconds(30))
        #expect(try #require(facts.wait) < .seconds(20))
    }

    @Test func `a job of a while is told of when it has begun, and how far it is`() async throws {
        let harness = try Harness()
        let long = JobRegistration(kind: "long") { job in
            for step in 1...4 {
                try job.heartbeat(progress: Double(step) / 4, "step \(step)")
                try await Waiting.work(for: .milliseconds(300))
            }
        }
        let quick = JobRegistration(kind: "quick") { _ in }
        try await harness.withWorker(
            JobList {
                long; quick
            },
            { $0.beatInterval = .milliseconds(100) }
        ) { _ in
            try await harness.enqueue("long")
            try await harness.enqueue("quick")
            try await harness.eventually { $0.done == 2 }
        }
        let events = try await harness.journal()
        let told = events.filter { $0.facts?.kind == "long" }.map(\.what)
        #expect(told.first == .started && told.last == .done)
        #expect(told.count { $0 == .started } == 1)
        #expect(told.contains(.progress))
        #expect(events.filter { $0.facts?.kind == "quick" }.map(\.what) == [.done])
    }

    @Test func `a kind that is sampled at nothing is counted all the same`() async throws {
        let harness = try Harness()
        let silent = JobRegistration(kind: "silent") { job in
            if job.attempt == 1, job.headers["fail"] != nil { throw RetryLater(after: .milliseconds(5), "once") }
        }.journaling(0)
        try await harness.withWorker(JobList { silent }) { _ in
            for _ in 0..<20 { try await harness.enqueue("silent") }
            _ = try await harness.redis.send(
                RedisCommand("XADD", .text(harness.queue.keys.ready(.normal)), "*", "kind", "silent", "fail", "1")
            )
            try await harness.eventually { $0.done == 21 }
        }
        // The failure is told of, whatever the sampling.
        #expect(try await harness.journal().map(\.what) == [.retried])
    }

    @Test func `a sampling that is no part is refused`() throws {
        let harness = try Harness()
        for part in [-0.1, 1.1, .nan] {
            let jobs = JobList { JobRegistration(kind: "k") { _ in }.journaling(part) }
            #expect(throws: PondError.self) {
                try Worker(harness.pond, jobs: jobs, configuration: harness.configuration())
            }
        }
    }
}

extension Harness {
    /// What the journal tells, in order.
    func journal() async throws -> [JournalEvent] {
        let reply = try await redis.send(RedisCommand("XRANGE", .text(queue.keys.journal), "-", "+"))
        return (reply.array ?? []).flatMap { row -> [JournalEvent] in
            guard let parts = row.array, let id = parts.first?.string else { return [] }
            return JournalEntry(id: id, flat: parts.last?.array?.compactMap(\.string) ?? [])?.events ?? []
        }
    }
}
