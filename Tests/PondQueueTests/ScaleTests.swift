import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// What a supervisor is told of a queue.
@Suite(.redis) struct ScaleTests {
    private func load(
        _ bench: Bench,
        soon: Duration = .seconds(200),
        later: Duration = .seconds(400)
    ) async throws
        -> QueueLoad
    {
        try await bench.queue.load(dueSoon: soon, later: later)
    }

    @Test func `an unknown queue holds nothing and has nobody`() async throws {
        try await Bench.run { bench in
            let load = try await load(bench)
            #expect((load.ready, load.inFlight, load.arrivals, load.dueSoon) == (0, 0, 0, 0))
            #expect(load.workers.isEmpty)
            #expect(load.fault == nil)
        }
    }

    @Test func `what waits, what runs and what will be due are counted apart`() async throws {
        try await Bench.run { bench in
            for _ in 0..<5 { try await bench.add() }
            // Far enough ahead that a slow machine does not reach the first.
            for delay in [150, 300, 600] {
                _ = try await bench.queue.enqueue(NewJob(kind: .test, options: .after(.seconds(delay))))
            }
            _ = try await bench.fetch(2)
            let load = try await load(bench)
            #expect((load.ready, load.inFlight, load.arrivals) == (3, 2, 5))
            #expect((load.dueSoon, load.dueLater) == (1, 2))
        }
    }

    @Test func `an entry that was deleted undelivered does not spoil the count`() async throws {
        // Redis forgets a group's lag then, which is why it is not read.
        try await Bench.run { bench in
            var ids: [JobID] = []
            for _ in 0..<5 { ids.append(try await bench.add()) }
            _ = try await bench.fetch(1)
            _ = try await bench.queue.cancel(ids[2])
            let load = try await load(bench)
            #expect((load.ready, load.inFlight) == (3, 1))
        }
    }

    @Test func `the oldest wait is that of a job that nobody has`() async throws {
        try await Bench.run { bench in
            let now = try await bench.now()
            try await bench.redis("XADD", bench.key("ready"), "\(now - 60_000)-0", "kind", "a.b")
            try await bench.redis("XADD", bench.key("ready"), "\(now - 5_000)-0", "kind", "a.b")
            _ = try await bench.fetch(1)
            let age = try await load(bench).oldestReady
            #expect(age >= .seconds(5) && age < .seconds(30))
        }
    }

    @Test func `an entry of the future has no negative age`() async throws {
        try await Bench.run { bench in
            try await bench.redis("XADD", bench.key("ready"), "99999999999999-0", "kind", "a.b")
            #expect(try await load(bench).oldestReady == .zero)
        }
    }

    @Test func `what is handed back or taken over has arrived before`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            let delivery = try await bench.fetchOne()
            #expect(try await bench.settle(delivery, .released) == .released)
            let load = try await load(bench)
            #expect((load.ready, load.arrivals) == (1, 1))
        }
    }

    @Test func `a worker's load is what its last beat said`() async throws {
        try await Bench.run { bench in
            let said = WorkerLoad(
                supervisor: "default/host-1",
                slot: 3,
                pid: 4_711,
                slots: 8,
                running: 2,
                busy: .milliseconds(1_500),
                ended: 7,
                succeeded: 6
            )
            _ = try await bench.queue.beat(as: Consumer("w1"), about: "{}", load: said)
            _ = try await bench.queue.beat(as: Consumer("w2"), about: "{}")
            let workers = try await load(bench).workers
            #expect(workers.count == 2)
            #expect(workers.first { $0.consumer == Consumer("w1") }?.load == said)
            #expect(workers.first { $0.consumer == Consumer("w2") }?.load == nil)
        }
    }

    @Test func `money and load travel in one beat`() async throws {
        try await Bench.run { bench in
            let spent = [JobID("1-1"): USD(micros: 5)]
            _ = try await bench.queue.beat(as: Consumer("w"), about: "{}", load: WorkerLoad(slots: 1), spent: spent)
            #expect(try await load(bench).workers[0].load?.slots == 1)
            #expect(try await bench.redis("HEXISTS", bench.key("spent"), "w").int == 1)
            _ = try await bench.queue.beat(as: Consumer("w"), about: "{}", load: WorkerLoad(slots: 1))
            #expect(try await bench.redis("HEXISTS", bench.key("spent"), "w").int == 0)
        }
    }

    @Test func `a worker that has left, or was silent too long, does not count`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.beat(as: Consumer("gone"), about: "{}", load: WorkerLoad(slots: 1))
            _ = try await bench.queue.leave(as: Consumer("gone"))
            #expect(try await bench.redis("HLEN", bench.key("load")).int == 0)
            _ = try await bench.queue.beat(as: Consumer("stale"), about: "{}", load: WorkerLoad(slots: 1))
            try await bench.redis("ZADD", bench.key("beats"), "\(try await bench.now() - 5_000)", "stale")
            #expect(try await load(bench).workers.isEmpty)
        }
    }

    @Test(arguments: [
        "", "a", "- 0 1 2 3 4 5", "- 0 1 2 3 4 5 6 7", "- 0 x 2 3 4 5 6", "- -1 1 2 3 4 5 6",
        "- 0 99999999999 2 3 4 5 6", String(repeating: "9", count: 400),
    ])
    func `a load of another form is a worker without one`(text: String) async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.beat(as: Consumer("w"), about: "{}")
            try await bench.redis("HSET", bench.key("load"), "w", text)
            let workers = try await load(bench).workers
            #expect(workers.count == 1)
            #expect(workers[0].load == nil)
        }
    }

    @Test func `a load that is too long is not kept, and the beat counts all the same`() async throws {
        try await Bench.run { bench in
            try await bench.call("pond_beat", "w", "4000", "", "{}", "load:" + String(repeating: "x", count: 513))
            #expect(try await bench.redis("HLEN", bench.key("load")).int == 0)
            #expect(try await load(bench).workers.count == 1)
        }
    }

    @Test func `a stream of another type is a fault, not an empty queue`() async throws {
        try await Bench.run { bench in
            try await bench.redis("SET", bench.key("ready"), "x")
            #expect(try await load(bench).fault?.contains(bench.key("ready")) == true)
        }
    }

    @Test func `numbers that are none are refused`() async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_scale", "x", "1")
            let nothing = try await bench.refusal("pond_scale")
            #expect(text.contains("INVALID scale"))
            #expect(nothing.contains("INVALID scale"))
        }
    }
}
