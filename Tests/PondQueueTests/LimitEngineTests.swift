import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Named limits, as any client of the library meets them; one test at a time, because limits are the server's.
@Suite(.redis, .serialized) struct LimitEngineTests {
    /// What a fetch brought, and whether more has to be looked at.
    private struct Batch {
        var jobs: [(code: String, entry: String, kind: String)] = []
        var nextDue: Int64 = 0
        var now: Int64 = 0
        var mark = ""
    }

    private func fetch(_ bench: Bench, _ most: Int, free: Int? = nil, as consumer: String = "ann") async throws -> Batch
    {
        let reply = try #require(
            try await bench.call("pond_fetch", consumer, "\(most)", "", "", "\(free ?? most)").array
        )
        var batch = Batch()
        (batch.now, batch.nextDue) = (Int64(reply[0].string ?? "") ?? 0, Int64(reply[1].string ?? "") ?? 0)
        for index in stride(from: 3, to: reply.count - 1, by: 2) {
            guard let code = reply[index].string else { continue }
            if code == "limits" { batch.mark = reply[index + 1].string ?? "" }
            for entry in reply[index + 1].array ?? [] {
                let fields = entry.array?[1].array?.compactMap(\.string) ?? []
                let kind = fields.firstIndex(of: "kind").map { fields[$0 + 1] } ?? ""
                batch.jobs.append((code, entry.array?[0].string ?? "", kind))
            }
        }
        return batch
    }

    /// Fetches until nothing more has to be looked at.
    private func fetchAll(_ bench: Bench, _ most: Int, as consumer: String = "ann") async throws -> Batch {
        var all = Batch()
        repeat {
            let batch = try await fetch(bench, most - all.jobs.count, as: consumer)
            all = Batch(jobs: all.jobs + batch.jobs, nextDue: batch.nextDue, now: batch.now, mark: batch.mark)
        } while all.mark == "2" && all.jobs.count < most
        return all
    }

    private func settle(
        _ bench: Bench,
        _ jobs: [(code: String, entry: String, kind: String)],
        as consumer: String = "ann"
    ) async throws {
        for job in jobs {
            try await bench.call("pond_settle", consumer, "plain", job.code, "1", job.entry, job.entry, job.entry)
        }
    }

    @discardableResult
    private func limit(_ bench: Bench, _ words: String...) async throws -> RESPValue {
        try await bench.pond.installLibrary()
        let arguments = ["pond_limit", "1", "mp:{limits}"] + words
        return try await bench.pond.redis.send(RedisCommand("FCALL", arguments.map { .text($0) }))
    }

    private func limited(_ bench: Bench) async throws -> String? {
        let depth = try #require(try await bench.call("pond_depth").array).map { $0.string ?? "" }
        return depth.firstIndex(of: "limited").map { depth[$0 + 1] }
    }

    private func running(_ bench: Bench, _ name: String) async throws -> String? {
        let row = try #require(try await limit(bench, "show", name).array).map { $0.string ?? "" }
        return row.firstIndex(of: "running").map { row[$0 + 1] }
    }

    private func add(_ bench: Bench, _ count: Int, _ fields: String...) async throws {
        for _ in 0..<count {
            _ = try await bench.pond.redis.send(
                RedisCommand(
                    "XADD",
                    ([bench.key("ready"), "*", "kind", "call", "data", "{}"] + fields).map { .text($0) }
                )
            )
        }
    }

    @Test func `no more jobs go at a time than a limit allows, and one that has ended makes room`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "3")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await add(bench, 10)
            try await bench.add("free", "{}")
            let first = try await fetchAll(bench, 100)
            #expect(first.jobs.count { $0.kind == "call" } == 3 && first.jobs.count { $0.kind == "free" } == 1)
            #expect(try await limited(bench) == "7")
            #expect(try await running(bench, "api") == "3")
            try await settle(bench, Array(first.jobs.filter { $0.kind == "call" }.prefix(2)))
            #expect(try await fetchAll(bench, 100, as: "bob").jobs.count == 2)
            #expect(try await fetchAll(bench, 100, as: "eve").jobs.isEmpty)
        }
    }

    @Test func `a limit of a rate lets its burst go at once, and says when the next may`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "1", "60000", "4", "0")
            try await add(bench, 6, "limit", "api")
            try await bench.call("pond_limits", "kinds", "other", "api")
            let batch = try await fetchAll(bench, 100)
            #expect(batch.jobs.count == 4 && batch.mark == "1")
            // With a burst some wait for each other, but never for longer than a tenth of a second.
            #expect(batch.nextDue - batch.now > 59_000 && batch.nextDue - batch.now <= 60_100)
        }
    }

    @Test func `one tenant with many jobs does not hold up the others`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "4")
            try await bench.call("pond_limits", "kinds", "call", "api,tenant:{tenant}")
            try await add(bench, 40, "tenant", "heavy")
            for name in ["a", "b", "c"] { try await add(bench, 1, "tenant", name) }
            let first = try await fetchAll(bench, 100)
            try await settle(bench, first.jobs)
            // The four that follow are of four tenants.
            let second = try await fetchAll(bench, 100)
            #expect(first.jobs.count == 4 && second.jobs.count == 4)
            var tenants: Set<String> = []
            for job in second.jobs {
                let entry = try await bench.redis("XRANGE", bench.key("ready"), job.entry, job.entry)
                let fields = entry.array?.first?.array?[1].array?.compactMap(\.string) ?? []
                if let index = fields.firstIndex(of: "tenant") { tenants.insert(fields[index + 1]) }
            }
            #expect(tenants == ["heavy", "a", "b", "c"])
        }
    }

    @Test func `a job that needs two limits takes both or none`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "one", "0", "0", "0", "5")
            try await limit(bench, "set", "two", "0", "0", "0", "1")
            try await bench.call("pond_limits", "kinds", "call", "one,two")
            try await add(bench, 5)
            #expect(try await fetchAll(bench, 100).jobs.count == 1)
            #expect(try await running(bench, "one") == "1")
            #expect(try await running(bench, "two") == "1")
        }
    }

    @Test func `a worker that died gives back what its jobs held`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "2")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await add(bench, 3)
            #expect(try await fetchAll(bench, 10).jobs.count == 2)
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            _ = try await bench.queue.reclaim(from: .ann, by: .bob)
            #expect(try await running(bench, "api") == "0")
            #expect(try await fetchAll(bench, 10, as: "bob").jobs.count == 2)
        }
    }

    @Test func `a lease whose job is gone does not keep others waiting`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "1")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await bench.redis("ZADD", "mp:{limits}:leases:api", "1", "\(bench.queue.keys.base) 1-1")
            try await add(bench, 1)
            #expect(try await fetchAll(bench, 10).jobs.count == 1)
        }
    }

    @Test(arguments: [
        ["lane:api"], ["blocked"], ["blocked:api"], ["limited"], ["limited", "lane:api", "blocked", "blocked:api"],
    ])
    func `what a limit holds is found again when keys are lost`(_ lost: [String]) async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "2")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await add(bench, 12)
            var seen = try await fetchAll(bench, 100).jobs
            for name in lost { try await bench.redis("DEL", bench.key(name)) }
            var done = 0
            for _ in 0..<40 where done < 12 {
                try await settle(bench, seen)
                done += seen.count
                _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
                seen = try await fetchAll(bench, 100).jobs
            }
            #expect(done == 12)
        }
    }

    @Test func `a job that a limit holds can be cancelled, and the others go on`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "1")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await add(bench, 3)
            let first = try await fetchAll(bench, 10)
            let held = try #require(try await bench.redis("HKEYS", bench.key("limited")).array?.compactMap(\.string))
            #expect(held.count == 2)
            let id = String(try #require(held.first).dropFirst())
            #expect(try await bench.call("pond_cancel", id).string == "cancelled")
            try await settle(bench, first.jobs)
            #expect(try await fetchAll(bench, 10).jobs.count == 1)
            #expect(try await limited(bench) == "0")
        }
    }

    @Test func `what fails again and again is called once a second, and quickly again when it is well`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "0")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await add(bench, 60)
            let first = try await fetchAll(bench, 20)
            for job in first.jobs {
                try await bench.call("pond_settle", "ann", "retry", job.code, job.entry, "60000", "down", "1 1 0")
            }
            let open = try await fetchAll(bench, 100)
            #expect(first.jobs.count == 20 && open.jobs.isEmpty)
            #expect(open.nextDue - open.now <= 1_000)
            let state = try #require(try await limit(bench, "show", "api").array).map { $0.string ?? "" }
            #expect(state.contains("open"))
        }
    }

    @Test func `what the other side says holds for all, and the rate is lower afterwards`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "1000", "1000", "100", "0")
            try await bench.call("pond_limits", "kinds", "call", "api")
            try await add(bench, 30)
            let first = try await fetchAll(bench, 10)
            let job = try #require(first.jobs.first)
            try await bench.call(
                "pond_settle",
                "ann",
                "limit",
                "throttled:60000",
                "retry",
                job.code,
                job.entry,
                "1",
                "429",
                "1 1 0"
            )
            #expect(try await fetchAll(bench, 10, as: "bob").jobs.isEmpty)
            let row = try #require(try await limit(bench, "show", "api").array).map { $0.string ?? "" }
            #expect(row.contains("throttled") && row.contains("700"))
        }
    }

    @Test func `a running job takes a limit once, and gives it back when it leaves its worker`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "1")
            try await add(bench, 2)
            let jobs = try await fetchAll(bench, 10).jobs
            let base = bench.queue.keys.base
            #expect(try await limit(bench, "take", "api", base, jobs[0].entry, "0").array?.first?.string == "granted")
            #expect(try await limit(bench, "take", "api", base, jobs[1].entry, "0").array?.first?.string == "wait")
            try await settle(bench, [jobs[0]])
            #expect(try await limit(bench, "take", "api", base, jobs[1].entry, "0").array?.first?.string == "granted")
        }
    }

    @Test func `a job that came beside the function is asked for, and parked`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "0", "0", "0", "1")
            try await add(bench, 3, "limit", "api")
            // The queue has not met a limit yet.
            let jobs = try await fetch(bench, 10).jobs
            #expect(jobs.count == 3)
            let words = jobs.flatMap { [$0.code, $0.entry] }
            let answer = try await bench.call("pond_admit", (["ann"] + words + ["n", "1-1"]).map { .text($0) })
            #expect(answer.array?.map(\.string) == ["run", "limited", "limited", "lost"])
            // Nobody has been told yet when there may be room, so one that listens is woken.
            #expect(try await bench.redis("XLEN", bench.key("bell")).int == 1)
            #expect(try await limited(bench) == "2")
        }
    }

    @Test(arguments: [
        ["set", "a b", "1", "1000", "1", "0"], ["set", "a", "1", "0", "1", "0"],
        ["set", "a", "1000001", "1000", "1", "0"],
        ["set", "a", "20000", "1000", "1", "0"], ["set", "a", "1", "1000", "0", "0"],
        ["take", "a,b,c,d,e", "mp:{q}", "1-1", "0"],
        ["take", "a@x", "mp:{q}", "1-1", "0"], ["take", "a", "q", "1-1", "0"], ["tell", "a", "maybe"], ["nothing"],
        ["adjust", "a", "x", "1"],
    ])
    func `what cannot be meant is refused by name`(_ words: [String]) async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await bench.pond.installLibrary()
            let arguments = (["pond_limit", "1", "mp:{limits}"] + words).map { RedisArgument.text($0) }
            await #expect(throws: RedisError.self) { try await bench.pond.redis.send(RedisCommand("FCALL", arguments)) }
        }
    }

    @Test func `a clock that was turned back does not keep jobs waiting until it has caught up`() async throws {
        try await Bench.run { bench in
            try await bench.redis("FLUSHALL")
            try await limit(bench, "set", "api", "1", "60000", "1", "0")
            try await bench.call("pond_limits", "kinds", "call", "api")
            // As if written an hour from now, when the next was to go a second later.
            let ahead = try await bench.now() * 1_000 + 3_600_000_000
            try await bench.redis("SET", "mp:{limits}:tat:api", "\(ahead) \(ahead)")
            try await add(bench, 2)
            #expect(try await fetchAll(bench, 10).jobs.count == 1)
            try await bench.redis("ZADD", bench.key("blocked"), "\(ahead / 1_000)", "api")
            _ = try await bench.queue.beat(as: .ann, census: true, about: "{}")
            let due = try #require(try await bench.redis("ZSCORE", bench.key("blocked"), "api").string)
            #expect(try #require(Double(due)) < Double(ahead / 1_000) - 3_500_000)
        }
    }
}
