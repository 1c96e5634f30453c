import Millpond
import PondTestKit
import Testing

@testable import mailer

// Without Redis: one try of a handler, and what became of it.
struct SendEmailTests {
    @Test func `an address is sent to`() async throws {
        let performed = try await perform(SendEmail(), Email(to: "a@b.c"))
        #expect(performed.outcome == .done)
        #expect(performed.logs.map(\.message) == ["sent"])
    }

    @Test func `what is no address is given up`() async throws {
        let performed = try await perform(SendEmail(), Email(to: "nobody"))
        #expect(performed.outcome == .dead(cause: Cause("no_address"), error: "nobody is no address"))
    }
}

// With a Redis of the suite's own: the whole way, in this process.
@Suite(.redis)
struct MailerTests {
    @Test func `every job of the queue ends`() async throws {
        let queue = try Pond(redis: RedisServer.current.url).queue(Mailer.queue)
        try await queue.enqueue(SendEmail.self, Email(to: "a@b.c"))
        try await queue.enqueue(SendEmail.self, Email(to: "nobody"))
        try await expectEnqueued(SendEmail.self, in: queue) { $0.to == "a@b.c" }

        let drained = try await drain(queue, jobs: Mailer().jobs)
        #expect(drained.done == 1)
        #expect(drained.dead == ["no_address": 1])
    }
}
