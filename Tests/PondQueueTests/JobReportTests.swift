import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct JobReportTests {
    @Test(arguments: Priority.allCases) func `a job is reported in each place by the same id`(
        priority: Priority
    ) async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions()
            options.priority = priority
            options.headers = ["tenant": "acme"]
            let id = try await bench.add("email.send", "payload", options)
            func report(_ state: JobReport.State) async throws -> JobReport {
                let report = try await bench.queue.job(id)
                #expect(report.id == id)
                #expect(report.state == state)
                #expect(report.field("kind") == "email.send")
                #expect(report.field("tenant") == "acme")
                #expect(report.payload == Array("payload".utf8))
                return report
            }
            let enqueued = Int64(id.text.prefix { $0 != "-" })
            #expect(try await report(.ready).since?.milliseconds == enqueued)

            let delivery = try await bench.fetchOne()
            let running = try await report(.running)
            #expect(running.owner == .ann)
            #expect(try #require(running.since).milliseconds >= enqueued ?? 0)
            #expect(try #require(running.since).milliseconds <= (try await bench.now()))

            try await bench.settle(delivery, .retry(after: .seconds(60), error: "boom"))
            let held = try await report(.held)
            #expect(held.attempts == 1 && held.owner == nil && held.due != nil)

            try await bench.makeDue(id)
            _ = try await bench.queue.promote(as: .ann)
            #expect(try await report(.ready).attempts == 1)

            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "no"))
            let dead = try await report(.dead)
            #expect(dead.cause == "failed" && dead.error == "no" && dead.attempts == 2)
            #expect(dead.since == (try await bench.queue.dead().first?.diedAt))

            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await report(.ready).attempts == 0)
            try await bench.settle(try await bench.fetchOne(), .done)
            let gone = try await bench.queue.job(id)
            #expect(gone.state == .unknown && gone.fields.isEmpty && gone.since == nil)
        }
    }

    @Test func `a job that nobody ever enqueued is unknown`() async throws {
        try await Bench.run { bench in
            let report = try await bench.queue.job(JobID("5-5"))
            #expect(report.state == .unknown && report.id == JobID("5-5"))
        }
    }

    @Test func `a held envelope that cannot be read is still reported as held`() async throws {
        try await Bench.run { bench in
            try await bench.redis("HSET", bench.key("held"), "5-5d", "\u{1}text")
            try await bench.redis("ZADD", bench.key("due"), "99999999999999", "5-5d")
            let report = try await bench.queue.job(JobID("5-5d"))
            #expect(report.state == .held)
        }
    }

    @Test func `the function's answer is the one that the wire format lists`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add("a", "x")
            let reply = try #require(try await bench.call("pond_job", id.text).array)
            let names = stride(from: 0, to: 18, by: 2).map { reply[$0].string }
            #expect(names == ["id", "state", "since_ms", "owner", "due_ms", "attempt", "cause", "error", "fields"])
            #expect(reply[17].int == 2)
            #expect(reply.dropFirst(18).map(\.string) == ["kind", "a", "data", "x"])
        }
    }
}
