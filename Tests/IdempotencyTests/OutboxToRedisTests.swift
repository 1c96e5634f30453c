import Logging
import PondCore
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import Testing

/// An outbox and the queues that it is for.
@Suite(.redis) struct OutboxToRedisTests {
    private func withOutbox(_ body: (Outbox, Pond) async throws -> Void) async throws {
        try await withFolder { folder in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let prefix = RedisServer.uniqueName()
            let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), prefix: prefix, logger: logger)
            let outbox = Outbox(path: "\(folder)/app.sqlite")
            try await body(outbox, pond)
            try await outbox.close()
            await pond.close()
        }
    }

    private func job(_ text: String) throws -> NewJob {
        NewJob(kind: try JobKind("mail.send"), data: Array(text.utf8))
    }

    /// The payloads that wait in a queue, in order.
    private func texts(_ pond: Pond, _ name: String) async throws -> [String] {
        let queue = try pond.queue(name)
        _ = try await queue.open()
        let deliveries = try await queue.fetch(as: Consumer("reader"), atMost: 10_000).deliveries
        return try deliveries.map { String(decoding: try $0.job.get().data, as: UTF8.self) }
    }

    @Test func `a batch that is shipped twice is enqueued once and in order`() async throws {
        try await withOutbox { outbox, pond async throws in
            /// A sink that hears the answer and does not get to tell.
            struct Forgetful: JobSink {
                struct Gone: Error {}
                let pond: Pond

                func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
                    _ = try await pond.ship(jobs)
                    throw Gone()
                }
            }
            try await outbox.write { db in
                for n in 0..<2_000 { try outbox.enqueue(try job("\(n)"), to: "mails-\(n % 2)", in: db) }
            }
            for _ in 0..<2 {
                await #expect(throws: Forgetful.Gone.self) {
                    _ = try await OutboxRelay(outbox, to: Forgetful(pond: pond)).shipOnce()
                }
            }
            #expect(try await OutboxRelay(outbox, to: pond).shipOnce() == 2_000)
            // Nobody serves them yet, and who looks for the jobs has to find them.
            #expect(try await pond.queues().map(\.text) == ["mails-0", "mails-1"])
            for lane in 0..<2 {
                let wanted = stride(from: lane, to: 2_000, by: 2).map { "\($0)" }
                #expect(try await texts(pond, "mails-\(lane)") == wanted)
            }
        }
    }

    @Test func `a sink of queues answers for each job`() async throws {
        try await withOutbox { _, pond async throws in
            var large = try job("")
            large.data = [UInt8](repeating: 0, count: Limits.payloadBytesMax + 1)
            let answers = try await pond.ship([
                ("mails", try job("1")), ("No queue", try job("2")), ("mails", large), ("bills", try job("3")),
                ("mails", try job("4")),
            ])
            let words = answers.map { answer in
                switch answer {
                case .accepted: "accepted"
                case .later: "later"
                case .refused: "refused"
                }
            }
            #expect(words == ["accepted", "refused", "refused", "accepted", "accepted"])
            #expect(try await texts(pond, "mails") == ["1", "4"])
            #expect(try await texts(pond, "bills") == ["3"])
        }
    }

    @Test func `a job that a middleware refuses stops no other`() async throws {
        struct Picky: EnqueueMiddleware {
            struct No: Error {}
            func enqueue(
                _ jobs: [NewJob],
                to queue: QueueName,
                next: EnqueueNext
            ) async throws -> [EnqueueResult] {
                if jobs.contains(where: { String(decoding: $0.data, as: UTF8.self).contains("2") }) { throw No() }
                return try await next(jobs)
            }
        }
        try await withOutbox { _, pond async throws in
            let jobs = try ["1", "2", "3"].map { (queue: "mails", job: try job($0)) }
            let answers = try await pond.inside([Picky()]).ship(jobs)
            guard case .accepted = answers[0], case .refused(let reason) = answers[1], case .accepted = answers[2]
            else {
                Issue.record("\(answers)")
                return
            }
            #expect(reason.contains("a middleware refused"))
            #expect(try await texts(pond, "mails") == ["1", "3"])
        }
    }

    @Test func `a queue whose key is another program's holds up no other`() async throws {
        try await withOutbox { _, pond async throws in
            let base = try pond.queue("mails").keys
            _ = try await pond.redis.send(RedisCommand("SET", .text(base.ready(.normal)), "x"))
            let answers = try await pond.ship([("mails", try job("1")), ("bills", try job("2"))])
            guard case .later(let reason) = answers[0], case .accepted = answers[1] else {
                Issue.record("\(answers)")
                return
            }
            #expect(reason.contains("WRONGTYPE"))
        }
    }
}
