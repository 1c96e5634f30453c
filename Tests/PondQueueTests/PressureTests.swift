import PondCore
import PondFleet
import PondQueue
import PondRedis
import PondScaling
import PondTestKit
import Testing

/// A server that is out of memory refuses new jobs and nothing else: what is there can still be worked off.
@Suite struct MemoryTests {
    @Test(.redis) func `out of memory, new jobs are refused and the work goes on`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for _ in 0..<10 { ids.append(try await bench.add()) }
            ids.append(try await bench.addHeld())
            var deliveries = try await bench.fetch(8)
            try await bench.settle(deliveries.removeFirst(), .dead(cause: .failed, error: "e"))
            // What plain commands prepare must be done before: the server refuses them too.
            try await bench.makeDue(ids[10])
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            try await bench.redis("CONFIG", "SET", "maxmemory", "1mb")

            for options in [EnqueueOptions(), .after(.seconds(60))] {
                let error = await #expect(throws: QueueError.self) { try await bench.add("a", "", options) }
                #expect(error?.redis?.prefix == "OOM")
                #expect(error?.outcomeUnknown == false)
            }
            await #expect(throws: QueueError.self) { try await bench.queue.revive([ids[0]]) }
            try await bench.expectWhole(ids)

            let outcomes: [Outcome] = [
                .done, .retry(after: .seconds(60), error: "e"), .dead(cause: .failed, error: "e"), .released,
                .cancelled,
                .deferred(for: .seconds(60), grace: .seconds(600)),
            ]
            for outcome in outcomes {
                let answer = try await bench.settle(deliveries.removeFirst(), outcome)
                #expect(!["lost", "failed"].contains(answer.word))
            }
            _ = try await bench.queue.beat(as: .bob, census: true, about: "{}")
            #expect(try await bench.queue.promote(as: .bob).promoted == 1)
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob).moved == 1)
            #expect(try await bench.fetch(as: .bob, 4).map(\.id).contains(ids[9]))
            #expect(try await bench.queue.cancel(ids[10]) == .cancelled)
            #expect(try await bench.queue.cancel(ids[9]) == .cancelling)
            #expect(try await bench.queue.discard([ids[0]]) == [true])
            try await bench.queue.pause(reason: "no memory")
            try await bench.queue.resume()
            #expect(try await bench.queue.depth().fault == nil)
            #expect(try await bench.queue.leave(as: .eve))
            try await bench.expectWhole(ids)

            try await bench.redis("CONFIG", "SET", "maxmemory", "0")
            ids.append(try await bench.add())
            try await bench.expectWhole(ids)
        }
    }
}

/// The least that an ACL user needs.
///
/// A refusal in the middle of a function leaves what was written before it, so a
/// user needs all that the functions touch.
@Suite struct PermissionTests {
    static let connection = "-@all +auth +hello +ping +select +client|setname +client|id"

    /// Commands of a worker, and of a person who looks after queues.
    static let worker = [
        "fcall", "fcall_ro", "time", "xadd", "xrange", "xlen", "xreadgroup", "xpending", "xack", "xdel", "xtrim",
        "xinfo|stream", "xinfo|groups", "xinfo|consumers", "xgroup|create", "xgroup|delconsumer", "del", "hget",
        "hmget", "hgetall",
        "hlen",
        "hexists", "hset", "hsetnx", "hdel", "hincrby", "zadd", "zrem", "zcard", "zcount", "zscore", "zrange",
        "zrevrange",
        "zrangebyscore", "zremrangebyscore", "pexpireat", "bitfield", "sadd", "smembers",
        // To see how much the journal takes. Of a large one `info` tells whether the server is short of memory.
        "memory|usage",
    ]

    /// Commands of a program that only enqueues.
    static let producer = [
        "fcall", "time", "xadd", "xlen", "hget", "hset", "hincrby", "zadd", "zcard", "zrange", "sadd",
        // Where jobs have keys: to see how far the job is that has one.
        "hexists", "xrange", "xpending", "zrangebyscore", "hmget",
    ]

    /// Commands of a supervisor whose fleet follows its load, and of a person who looks after fleets.
    static let supervisor = [
        "fcall", "fcall_ro", "time", "xadd", "xlen", "xrange", "xrevrange", "xinfo|stream", "xinfo|groups", "get",
        "set",
        "hget", "hmget", "hgetall", "hlen", "hexists", "hset", "hdel", "zadd", "zrem", "zcard", "zcount", "zscore",
        "zrange", "zrevrange", "zrangebyscore", "sadd", "smembers",
    ]

    private static func line(_ commands: [String]) -> String {
        "\(connection) " + commands.map { "+\($0)" }.joined(separator: " ")
    }

    private static let server = RedisServer.Options(aclUsers: [
        "user default on nopass ~* &* +@all",
        "user worker on >secret ~mp:* resetchannels \(line(worker))",
        "user producer on >secret ~mp:* resetchannels \(line(producer))",
        "user supervisor on >secret ~mp:* resetchannels \(line(supervisor))",
    ])

    /// Runs `body` as a user; `admin` is the same queue for the one who may do everything.
    private func run(as user: String, _ body: (_ bench: Bench, _ admin: Bench) async throws -> Void) async throws {
        try await Bench.run { admin in
            try await admin.pond.installLibrary()
            let url = "unix://\(user):secret@\(RedisServer.current.socketPath)"
            try await Bench.run(url: url) { bench in
                let queue = try bench.pond.queue(admin.name)
                try await body(Bench(pond: bench.pond, queue: queue), admin)
            }
        }
    }

    /// What the server refused, as the names of commands.
    private func refused(_ bench: Bench) async throws -> Set<String> {
        let rows = try await bench.redis("ACL", "LOG", "1000").array ?? []
        return Set(rows.compactMap { $0.array?[7].string })
    }

    /// Every verb of a worker once, the rare turns included.
    private func work(_ bench: Bench, _ admin: Bench) async throws {
        let queue = bench.queue
        _ = try await queue.open()
        try await queue.register()
        _ = try await bench.pond.queues()
        try await settleMany(bench)
        var options = EnqueueOptions.after(.seconds(1))
        options.checksDepth = true
        try await admin.redis("HSET", admin.key("meta"), "max_depth", "1000")
        try await bench.add("a", "", options)
        for _ in 0..<6 { try await bench.add() }
        let deliveries = try await queue.fetch(as: .ann, atMost: 5).deliveries
        guard deliveries.count == 5 else { throw Unexpected("\(deliveries.count) of 5 jobs were delivered") }
        let outcomes: [Outcome] = [
            .done, .retry(after: .seconds(1), error: "e"), .released, .dead(cause: .failed, error: "e"),
        ]
        for (delivery, outcome) in zip(deliveries, outcomes) { try await bench.settle(delivery, outcome) }
        _ = try await queue.cancel(deliveries[4].id)
        _ = try await queue.beat(as: .ann, census: true, about: "{}")
        try await bench.settle(deliveries[4], .cancelled)
        try await admin.makeDue(deliveries[1].id)
        _ = try await queue.promote(as: .ann)
        _ = try await queue.fetch(as: .ann, atMost: 2)
        try await admin.reclaimAll(from: .ann)
        _ = try await queue.fetch(as: .ann, atMost: 2)
        try await admin.setBeat(.ann, millisecondsAgo: 60_000)
        _ = try await queue.reclaim(from: .ann, by: .bob)
        _ = try await queue.job(deliveries[3].id)
        _ = try await queue.dead()
        _ = try await queue.causes()
        _ = try await queue.deadIDs()
        _ = try await queue.revive([deliveries[3].id])
        _ = try await queue.discard([deliveries[3].id])
        _ = try await queue.pause(reason: "r")
        _ = try await queue.pauseReason()
        _ = try await queue.resume()
        _ = try await queue.workers()
        _ = try await queue.depth()
        _ = try await queue.owned(by: .bob)
        let reader = bench.pond.makeReader()
        _ = try await queue.listen(as: .bob, on: reader, to: ReadyStream.allCases, block: .milliseconds(1))
        await reader.close()
        try await admin.redis("XADD", admin.key("ready:low"), "18446744073709551614-0", "kind", "a")
        for delivery in try await queue.fetch(as: .eve, atMost: 100).deliveries {
            try await bench.settle(delivery, .done, as: .eve)
        }
        try await useKeys(bench)
        // The census finds beats from the future, silence, and the misnumbered stream.
        try await admin.setBeat(.bob, millisecondsAgo: -60_000)
        _ = try await queue.beat(as: .eve, census: true, about: "{}")
        _ = try await queue.leave(as: .eve)
    }

    /// So many at once that they are cut off their stream.
    private func settleMany(_ bench: Bench) async throws {
        for _ in 0..<20 { try await bench.add() }
        let done = try await bench.queue.fetch(as: .eve, atMost: 20).deliveries.map {
            Settlement(receipt: $0.receipt, id: $0.id, outcome: .done)
        }
        _ = try await bench.queue.settle(done, as: .eve)
    }

    /// A key in each of its states, and a start that is written down.
    private func useKeys(_ bench: Bench) async throws {
        let queue = bench.queue
        _ = try await queue.open(keyWindow: .seconds(3_600))
        try await bench.add("a", "", try .once("order-1"))
        try await bench.add("a", "", try .once("order-1"))
        for delivery in try await queue.fetch(as: .eve, atMost: 100).deliveries {
            _ = try await queue.claim(delivery.receipt, as: .eve)
            let result = JobResult([1], keptFor: .seconds(60))
            let done = Settlement(
                receipt: delivery.receipt,
                id: delivery.id,
                outcome: .done,
                hasKey: true,
                result: result
            )
            _ = try await queue.settle([done], as: .eve)
        }
        try await bench.add("a", "", try .once("order-1"))
        _ = try await queue.record(of: try IdempotencyKey("order-1"))
    }

    @Test(.redis(server)) func `a worker's permissions are enough for every verb`() async throws {
        try await run(as: "worker") { bench, admin in
            try await work(bench, admin)
            #expect(try await refused(admin) == [])
        }
    }

    @Test(.redis(server)) func `a worker needs each of its permissions`() async throws {
        for command in Self.worker {
            try await run(as: "worker") { bench, admin in
                try await admin.redis("ACL", "LOG", "RESET")
                try await admin.redis("ACL", "SETUSER", "worker", "-\(command)")
                // Whatever fails: what counts is that the server was asked for it.
                do { try await work(bench, admin) } catch {}
                #expect(try await refused(admin).contains(command))
                try await admin.redis("ACL", "SETUSER", "worker", "+\(command)")
            }
        }
    }

    private func produce(_ bench: Bench, _ admin: Bench) async throws {
        try await admin.redis("HSET", admin.key("meta"), "max_depth", "1000")
        try await bench.queue.register()
        try await bench.add()
        _ = try await bench.add(priority: .high)
        // So near that it rings the wake-up.
        try await bench.add("a", "", .after(.milliseconds(1_000)))
        var options = EnqueueOptions()
        options.checksDepth = true
        try await bench.add("a", "", options)
        try await bench.add("a", "", try .once("order-1"))
        try await bench.add("a", "", try .once("order-1"))
        try await bench.add("a", "", try .once("order-2"))
        // The key of a job that is done is looked for among the tombstones.
        let done = try await admin.fetch().last
        _ = try await admin.queue.settle(
            [Settlement(receipt: try #require(done).receipt, id: try #require(done).id, outcome: .done, hasKey: true)],
            as: .ann
        )
        try await bench.add("a", "", try .once("order-2"))
    }

    @Test(.redis(server)) func `a producer's permissions are enough to enqueue, and each is needed`() async throws {
        try await run(as: "producer") { bench, admin in
            try await produce(bench, admin)
            #expect(try await refused(admin) == [])
            // On a machine that stalls the delayed one has come due.
            #expect((4...5).contains(try await admin.queue.depth().inFlight))
        }
        for command in Self.producer {
            try await run(as: "producer") { bench, admin in
                try await admin.redis("ACL", "LOG", "RESET")
                try await admin.redis("ACL", "SETUSER", "producer", "-\(command)")
                do { try await produce(bench, admin) } catch {}
                #expect(try await refused(admin).contains(command))
                try await admin.redis("ACL", "SETUSER", "producer", "+\(command)")
            }
        }
    }

    private func supervise(_ bench: Bench, _ admin: Bench) async throws {
        try await admin.add()
        _ = try await admin.addHeld()
        _ = try await admin.queue.beat(as: .ann, about: "{}", load: WorkerLoad(slots: 1))
        _ = try await bench.queue.load(dueSoon: .seconds(1), later: .seconds(1))
        _ = try await bench.pond.fleets()
        let store = try bench.pond.fleet(admin.name)
        try await store.register()
        let status = HostStatus(report: HostReport(id: "a", workersMax: 1), cores: 1, memoryAvailable: 1)
        for host in ["a", "b"] { _ = try await store.beat(as: host, status, lease: .seconds(60), isWilling: true) }
        // One host has been silent.
        try await admin.redis("ZADD", "mp:fleet:{\(admin.name)}:seen", "\(try await admin.now() - 61_000)", "b")
        // The fleet is full.
        let now = try await admin.now()
        let crowd = (0..<256).flatMap { ["\(now)", "host-\($0)"] }
        _ = try await admin.pond.redis.send(
            RedisCommand("ZADD", (["mp:fleet:{\(admin.name)}:seen"] + crowd).map { .text($0) })
        )
        let answer = try await store.beat(as: "a", status, lease: .seconds(60), isWilling: true)
        let plan = FleetPlan(token: answer.token, at: answer.now)
        let decision = ScalingDecision(queue: "q", at: answer.now, token: 1, from: 0, to: 1, demand: 1, wanted: 1)
        _ = try await store.publish(plan, memory: FleetScaler(), worthKeeping: [decision], as: "a")
        let pause = ScalingOrder(kind: .pause, until: answer.now, by: "", reason: "")
        _ = try await store.order(pause, about: .fleet, for: .milliseconds(1))
        _ = try await store.order(pause, about: .queue("q"), for: .seconds(9))
        _ = try await store.endOrder(about: .queue("q"))
        _ = try await store.view()
        _ = try await store.decisions(limit: 1)
        try await store.leave(as: "a")
    }

    @Test(.redis(server)) func `a supervisor's permissions are enough to lead a fleet, and each is needed`()
        async throws
    {
        try await run(as: "supervisor") { bench, admin in
            try await supervise(bench, admin)
            #expect(try await refused(admin) == [])
        }
        for command in Self.supervisor {
            try await run(as: "supervisor") { bench, admin in
                try await admin.redis("ACL", "LOG", "RESET")
                try await admin.redis("ACL", "SETUSER", "supervisor", "-\(command)")
                do { try await supervise(bench, admin) } catch {}
                let refused = try await refused(admin)
                #expect(refused.contains(command), "\(command) was never asked for")
                try await admin.redis("ACL", "SETUSER", "supervisor", "+\(command)")
            }
        }
    }

    @Test(.redis(server)) func `nobody reaches another prefix or takes a job`() async throws {
        try await run(as: "producer") { bench, admin in
            let id = try await bench.add()
            let foreign = await #expect(throws: RedisError.self) {
                try await bench.redis("XADD", "other", "*", "a", "b")
            }
            #expect(foreign?.prefix == "NOPERM")
            let fetched = try await bench.queue.fetch(as: .ann, atMost: 1)
            #expect(fetched.deliveries.isEmpty && fetched.faults[.normal]?.contains("can't run this command") == true)
            await #expect(throws: QueueError.self) { try await bench.queue.cancel(id) }
            try await admin.expect(id, in: .ready(.normal))
        }
    }
}
