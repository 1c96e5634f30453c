import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Testing

private struct Count: Codable, Sendable {
    var left: Int
}

/// Enqueues itself until nothing is left.
private struct Countdown: JobHandler {
    static let kind = "countdown"

    func run(_ count: Count, _ job: JobContext) async throws {
        guard count.left >= 0 else { throw GiveUp("below zero", cause: "negative") }
        if count.left > 0 { try await job.enqueue(Countdown.self, Count(left: count.left - 1)) }
    }
}

@Suite(.redis)
struct QueueTests {
    private func queue() throws -> Queue {
        try Pond(redis: RedisServer.current.url).queue(RedisServer.uniqueName())
    }

    @Test func `a queue is drained with the children that its jobs enqueue`() async throws {
        let queue = try queue()
        try await queue.enqueue(Countdown.self, Count(left: 3))
        try await queue.enqueue(Countdown.self, Count(left: -1))
        let drained = try await drain(queue, jobs: JobList { Countdown() })
        #expect(drained == Drained(done: 4, dead: ["negative": 1]))
        #expect(try await queue.enqueuedJobs().isEmpty)
    }

    @Test func `what is held stays, unless the test asks for it`() async throws {
        let queue = try queue()
        try await queue.enqueue(Countdown.self, Count(left: 0), .after(.seconds(86_400)))
        #expect(try await drain(queue, jobs: JobList { Countdown() }).done == 0)
        try await expectEnqueued(Countdown.self, in: queue) { $0.left == 0 }
        #expect(try await drain(queue, jobs: JobList { Countdown() }, includingHeld: true).done == 1)
    }

    @Test func `tries that fail are run to the last without waiting for their rests`() async throws {
        struct Fails: Error {}
        let queue = try queue()
        _ = try await queue.enqueue(NewJob(kind: try JobKind("fails")))
        let failing = JobRegistration(kind: "fails") { _ in throw Fails() }.retrying(times: 4)
        let drained = try await drain(queue, jobs: JobList([failing]), includingHeld: true)
        #expect(drained == Drained(retried: 3, dead: ["attempts_exhausted": 1]))
    }

    @Test func `an expected job is found by its payload, and a missing one is an issue that lists the others`()
        async throws
    {
        let queue = try queue()
        try await queue.enqueue(Countdown.self, Count(left: 7))
        let found = try await expectEnqueued(Countdown.self, in: queue) { $0.left == 7 }
        #expect(try found?.payload(as: Count.self).left == 7)
        try await withKnownIssue {
            try await expectEnqueued(Countdown.self, in: queue) { $0.left == 8 }
        } matching: { issue in
            "\(issue)".contains("no job of kind countdown") && "\(issue)".contains(#"{"left":7}"#)
        }
    }

    @Test func `a queue that is not drained in time says what is left`() async throws {
        let queue = try queue()
        _ = try await queue.enqueue(NewJob(kind: try JobKind("hangs")))
        let hanging = JobRegistration(kind: "hangs") { _ in try await Waiting.untilCancelled() }
        let error = await #expect(throws: DrainError.self) {
            try await drain(
                queue,
                jobs: JobList([hanging]),
                configuration: { $0.gracePeriod = .zero },
                within: .seconds(1)
            )
        }
        // On a busy machine the worker may not have come to it.
        let text = "\(try #require(error))"
        #expect(text.contains("1 are in flight") || text.contains("1 jobs wait"), "\(text)")
    }
}
