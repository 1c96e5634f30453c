import Logging
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct JournalTailTests {
    /// A deployment of the test's own.
    private func pond() throws -> Pond {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Pond(
            try RedisConfiguration(url: RedisServer.current.url),
            prefix: RedisServer.uniqueName(),
            logger: logger
        )
    }

    private func queue(_ pond: Pond, _ name: String) async throws -> Queue {
        let queue = try pond.queue(name)
        try await queue.register()
        _ = try await queue.open()
        return queue
    }

    /// Adds a job that is held and cancels it: two events.
    private func stir(_ queue: Queue, kind: String = "a.b") async throws -> JobID {
        let job = NewJob(kind: try JobKind(kind), data: [], options: .after(.seconds(600)))
        let id = try await queue.enqueue(job).id
        _ = try await queue.cancel(id)
        return id
    }

    @Test func `the newest of all queues come in the order of time, as many as asked`() async throws {
        let pond = try pond()
        let (a, b) = (try await queue(pond, "a"), try await queue(pond, "b"))
        // Of what two queues tell in one millisecond nobody knows the order.
        func apart() async throws { try await LocalClock.system.sleep(.milliseconds(5)) }
        let first = try await stir(a)
        try await apart()
        let second = try await stir(b)
        try await apart()
        let third = try await stir(a)
        var tail = JournalTail(pond)
        let events = try await tail.newest(100)
        #expect(events.map(\.event.job) == [first, first, second, second, third, third])
        #expect(events.map(\.event.what) == [.scheduled, .cancelled, .scheduled, .cancelled, .scheduled, .cancelled])
        #expect(events.map(\.queue.text) == ["a", "a", "b", "b", "a", "a"])
        var short = JournalTail(pond)
        #expect(try await short.newest(3).map(\.event.job) == [second, third, third])
    }

    @Test func `what comes later is read once, from queues that are new too`() async throws {
        let pond = try pond()
        let a = try await queue(pond, "a")
        _ = try await stir(a)
        var tail = JournalTail(pond)
        _ = try await tail.newest(10)
        #expect(try await tail.next(on: pond.redis, block: nil).events.isEmpty)
        let again = try await stir(a)
        let other = try await stir(try await queue(pond, "new"))
        let reader = pond.makeReader()
        let news = try await tail.next(on: reader, block: .seconds(2))
        #expect(news.events.map(\.event.job) == [again, again, other, other] && news.missed.isEmpty)
        #expect(try await tail.next(on: reader, block: .milliseconds(10)).events.isEmpty)
        await reader.close()
    }

    @Test func `only kinds and events that are wanted are told`() async throws {
        let pond = try pond()
        let a = try await queue(pond, "a")
        _ = try await stir(a, kind: "other")
        let wanted = try await stir(a, kind: "wanted")
        var tail = JournalTail(pond, queues: [a.name], filter: TailFilter(kinds: ["wanted"], events: [.cancelled]))
        #expect(try await tail.newest(10).map(\.event.job) == [wanted])
        _ = try await stir(a, kind: "other")
        let next = try await stir(a, kind: "wanted")
        #expect(try await tail.next(on: pond.redis, block: nil).events.map(\.event.job) == [next])
    }

    @Test func `what was trimmed before it was read is counted`() async throws {
        let pond = try pond()
        let a = try await queue(pond, "a")
        _ = try await stir(a)
        var tail = JournalTail(pond)
        _ = try await tail.newest(10)
        for _ in 0..<5 { _ = try await stir(a) }
        _ = try await pond.redis.send(RedisCommand("XTRIM", .text(a.keys.journal), "MAXLEN", 4))
        let news = try await tail.next(on: pond.redis, block: nil)
        #expect(news.events.count == 4 && news.missed == [a.name: 6])
    }
}
