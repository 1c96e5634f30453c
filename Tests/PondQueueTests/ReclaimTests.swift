import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct ReclaimTests {
    @Test func `a lost worker's jobs are ready again at the front, with one recovery`() async throws {
        try await Bench.run { bench in
            let ids = [
                try await bench.add(), try await bench.add(priority: .high), try await bench.add(priority: .low),
            ]
            #expect(try await bench.fetch().count == 3)
            #expect(try await bench.reclaimAll(from: .ann) == (3, 0))
            for id in ids { try await bench.expect(id, in: .ready(.front)) }
            let again = try await bench.fetch(as: .bob)
            #expect(Set(again.map(\.id)) == Set(ids))
            for delivery in again {
                let job = try delivery.job.get()
                #expect(job.recoveries == 1)
                #expect(job.attempt == 1)
            }
            #expect(try await bench.redis("ZSCORE", bench.key("beats"), "ann").isNull)
            for stream in ReadyStream.allCases { #expect(try await !bench.consumers(of: stream).contains(.ann)) }
        }
    }

    @Test func `a worker that beats meanwhile keeps its jobs`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            _ = try await bench.fetchOne()
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            _ = try await bench.queue.beat(as: .ann, about: "{}")
            let taken = try await bench.queue.reclaim(from: .ann, by: .bob)
            #expect(taken == (0, 0, false))
            try await bench.expect(id, in: .running(.ann))
        }
    }

    @Test func `a worker that Redis never heard of keeps its jobs until a census`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            _ = try await bench.fetchOne()
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob) == (0, 0, false))
            try await bench.expect(id, in: .running(.ann))
        }
    }

    @Test func `the lease is the bound, to the millisecond`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            _ = try await bench.fetchOne()
            try await bench.setBeat(.ann, millisecondsAgo: 3_000)
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob, lease: .seconds(60)) == (0, 0, false))
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob, lease: .seconds(3)) == (1, 0, false))
        }
    }

    @Test(arguments: [["ann", "bob", "x", "3"], ["ann", "bob", "4000", ""], ["ann"]])
    func `a reclaim has a lease and a limit`(words: [String]) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_reclaim", words.map { .text($0) })
            #expect(text.hasPrefix("INVALID reclaim"))
        }
    }

    @Test func `the third death of its worker makes a job poison`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add("a.b", "payload")
            for recovery in 1...2 {
                _ = try await bench.fetchAndStart()
                #expect(try await bench.reclaimAll(from: .ann) == (1, 0))
                #expect(try await bench.queue.job(id).field("recoveries") == "\(recovery)")
            }
            _ = try await bench.fetchAndStart()
            #expect(try await bench.reclaimAll(from: .ann) == (0, 1))
            try await bench.expect(id, in: .dead)
            let dead = try #require(try await bench.queue.dead(cause: "poison").first)
            #expect(dead.recoveries == 3 && dead.attempts == 0)
            #expect(dead.error == "its worker died 3 times while it ran; the last was ann")
            #expect(try await bench.queue.job(id).payload == Array("payload".utf8))
            // A second life counts from 0.
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            #expect(try await bench.fetchOne().job.get().recoveries == 0)
        }
    }

    @Test func `a worker that was told to stop is no snapshot against its jobs`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            for _ in 0..<2 * Limits.recoveriesMax {
                try await bench.fetchAndStart()
                _ = try await bench.queue.beat(as: .ann, about: #"{"state":"draining"}"#)
                #expect(try await bench.reclaimAll(from: .ann) == (moved: 1, buried: 0))
            }
            let job = try await bench.queue.job(id)
            #expect(job.field("recoveries") == "0" && job.field("interrupted") == "6")
            for death in 1...Limits.recoveriesMax {
                try await bench.fetchAndStart()
                _ = try await bench.queue.beat(as: .ann, about: #"{"state":"working"}"#)
                let isLast = death == Limits.recoveriesMax
                #expect(try await bench.reclaimAll(from: .ann) == (moved: isLast ? 0 : 1, buried: isLast ? 1 : 0))
            }
            #expect(try await bench.queue.job(id).cause == "poison")
            // Sent back, it begins anew.
            _ = try await bench.queue.revive([id])
            let revived = try await bench.queue.job(id)
            for field in ["recoveries", "interrupted", "recovered_ms"] { #expect(revived.field(field) == nil) }
        }
    }

    @Test func `how many recoveries are too many is the queue's to say`() async throws {
        try await Bench.run { bench in
            try await bench.redis("HSET", bench.key("meta"), "recoveries_max", "1")
            let id = try await bench.add()
            try await bench.fetchAndStart()
            try await bench.reclaimAll(from: .ann)
            #expect(try await bench.queue.job(id).cause == "poison")
        }
    }

    @Test(.redis) func `recoveries of another day do not count`() async throws {
        try await Bench.run { bench in
            // A window that is over at once.
            let window = "local RECOVERY_WINDOW_MS = "
            let short = LuaLibrary.text.replacing(
                window + "\(Limits.recoveryWindow.wholeMilliseconds)",
                with: window + "-1"
            )
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", short)
            let id = try await bench.add()
            for _ in 0...Limits.recoveriesMax {
                try await bench.fetchAndStart()
                #expect(try await bench.reclaimAll(from: .ann) == (moved: 1, buried: 0))
            }
            #expect(try await bench.queue.job(id).field("recoveries") == "1")
        }
    }

    @Test func `recoveries and attempts are counted apart`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            _ = try await bench.fetchOne()
            try await bench.reclaimAll(from: .ann)
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "e"))
            try await bench.makeDue(id)
            _ = try await bench.fetchAndStart()
            try await bench.reclaimAll(from: .ann)
            let job = try await bench.fetchOne().job.get()
            #expect(job.recoveries == 2 && job.attempt == 2)
        }
    }

    @Test func `a batch takes 128, and says that more is left`() async throws {
        try await Bench.run { bench in
            let ids = try await bench.queue.enqueue([NewJob](repeating: NewJob(kind: .test), count: 300)).map {
                try $0.get().id
            }
            #expect(try await bench.fetch(300).count == 300)
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            let first = try await bench.queue.reclaim(from: .ann, by: .bob)
            #expect(first == (128, 0, true))
            #expect(try await bench.queue.depth().inFlight == 172)
            let second = try await bench.queue.reclaim(from: .ann, by: .eve)
            #expect(second == (128, 0, true))
            let third = try await bench.queue.reclaim(from: .ann, by: .bob)
            #expect(third == (44, 0, false))
            try await bench.expectWhole(ids)
        }
    }

    @Test func `a bound that is met exactly says more, and the next call ends it`() async throws {
        try await Bench.run { bench in
            let ids = try await bench.queue.enqueue([NewJob](repeating: NewJob(kind: .test), count: 128)).map {
                try $0.get().id
            }
            #expect(try await bench.fetch(128).count == 128)
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob) == (128, 0, true))
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob) == (0, 0, false))
            try await bench.expectWhole(ids)
        }
    }

    @Test func `two workers that take over at once take each job once`() async throws {
        try await Bench.run { bench in
            let ids = try await bench.queue.enqueue([NewJob](repeating: NewJob(kind: .test), count: 500)).map {
                try $0.get().id
            }
            #expect(try await bench.fetch(500).count == 500)
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            let moved = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        var moved = 0
                        while true {
                            let taken = try await bench.queue.reclaim(from: .ann, by: Consumer("w\(number)"))
                            moved += taken.moved
                            if !taken.more { return moved }
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(moved == 500)
            try await bench.expectWhole(ids)
        }
    }

    @Test func `an entry that somebody deleted is put away as a ghost`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let other = try await bench.add()
            let deliveries = try await bench.fetch()
            try await bench.redis("XDEL", bench.key("ready"), deliveries[0].receipt.entry)
            #expect(try await bench.reclaimAll(from: .ann) == (1, 0))
            try await bench.expectWhole([other])
            #expect(try await bench.journal().contains { $0 == ("ghost", id.text) })
            #expect(try await bench.queue.depth().inFlight == 0)
        }
    }

    @Test func `a job that waits in workers which die is innocent, up to a point`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            for unstarted in 0..<9 {
                _ = try await bench.fetchOne()
                // Of a first death nobody knows whether the job ran; after that its start is written down.
                #expect(try await bench.reclaimAll(from: .ann) == (1, 0))
                #expect(try await bench.queue.job(id).field("recoveries") == "1")
                #expect(try await bench.queue.job(id).field("unstarted") == (unstarted == 0 ? nil : "\(unstarted)"))
            }
            _ = try await bench.fetchOne()
            #expect(try await bench.reclaimAll(from: .ann) == (0, 1))
            let dead = try #require(try await bench.queue.dead(cause: "poison").first)
            #expect(dead.error == "9 workers died before they had started it; the last was ann")
            try await bench.expectWhole([id])
        }
    }

    @Test func `a takeover counts the time for which the job may have run`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            // Delivered a minute ago, to a worker that beat for the last time five seconds ago.
            try await bench.redis(
                "XCLAIM",
                bench.key("ready"),
                "mp",
                "ann",
                "0",
                delivery.receipt.entry,
                "IDLE",
                "60000",
                "JUSTID"
            )
            try await bench.setBeat(.ann, millisecondsAgo: 5_000)
            _ = try await bench.queue.reclaim(from: .ann, by: .bob)
            let job = try await bench.fetchOne(as: .bob).job.get()
            #expect(job.id == id && job.spent.wall >= .seconds(54) && job.spent.wall <= .seconds(60))
        }
    }

    @Test func `a takeover knows what the job had spent by the last beat`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let other = try await bench.add()
            _ = try await bench.fetch()
            _ = try await bench.queue.beat(as: .ann, about: "{}", spent: [id: 0.25])
            _ = try await bench.queue.beat(as: .ann, about: "{}", spent: [id: 0.75])
            try await bench.reclaimAll(from: .ann)
            let jobs = try await bench.fetch(as: .bob).map { try $0.job.get() }
            #expect(jobs.first { $0.id == id }?.spent.usd == 0.75)
            #expect(jobs.first { $0.id == other }?.spent.usd == 0)
            #expect(try await bench.hash("spent").isEmpty)
        }
    }

    @Test func `a malformed entry is taken over as it is, and dies after a while`() async throws {
        try await Bench.run { bench in
            let entry = try await bench.redis("XADD", bench.key("ready"), "*", "junk", "1").string
            let id = JobID(try #require(entry))
            for _ in 0..<9 {
                let delivery = try await bench.fetchOne()
                #expect(throws: Malformation.self) { try delivery.job.get() }
                #expect(try await bench.reclaimAll(from: .ann) == (1, 0))
            }
            _ = try await bench.fetchOne()
            #expect(try await bench.reclaimAll(from: .ann) == (0, 1))
            try await bench.expect(id, in: .dead)
        }
    }

    @Test func `an entry of five thousand fields is dead, and stops no other`() async throws {
        try await Bench.run { bench in
            let fields = (0..<5_000).flatMap { [RedisArgument.text("f\($0)"), .text("v")] }
            let reply = try await bench.pond.redis.send(
                RedisCommand("XADD", [.text(bench.key("ready")), "*"] + fields)
            )
            let id = JobID(try #require(reply.string))
            let other = try await bench.add()
            #expect(try await bench.fetch().count == 2)
            #expect(try await bench.reclaimAll(from: .ann) == (1, 1))
            try await bench.expectWhole([id, other])
            #expect(try await bench.queue.job(id).fields.count >= 5_000)
        }
    }

    @Test func `an entry of five thousand fields that was handed back is dead, not stuck`() async throws {
        try await Bench.run { bench in
            let fields = (0..<5_000).flatMap { [RedisArgument.text("f\($0)"), .text("v")] }
            let reply = try await bench.pond.redis.send(
                RedisCommand("XADD", [.text(bench.key("ready")), "*"] + fields)
            )
            let id = JobID(try #require(reply.string))
            let answer = try await bench.settle(try await bench.fetchOne(), .released)
            #expect(answer == .dead(cause: "malformed"))
            try await bench.expect(id, in: .dead)
        }
    }

    @Test func `a lost worker with pending entries is never deleted from the group`() async throws {
        try await Bench.run { bench in
            let ids = [try await bench.add(), try await bench.add()]
            #expect(try await bench.fetch().count == 2)
            // The front cannot take them, so they stay where they are, with their owner.
            try await bench.redis("SET", bench.key("ready:front"), "a string")
            try await bench.setBeat(.ann, millisecondsAgo: 60_000)
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob) == (0, 0, true))
            #expect(try await bench.consumers(of: .normal) == [.ann])
            #expect(try await bench.redis("ZSCORE", bench.key("beats"), "ann").isNull == false)
            try await bench.redis("DEL", bench.key("ready:front"))
            #expect(try await bench.queue.reclaim(from: .ann, by: .bob) == (2, 0, false))
            try await bench.expectWhole(ids)
        }
    }

    @Test func `a job that was moved before keeps its id over another takeover`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add(priority: .low)
            try await bench.settle(try await bench.fetchOne(), .released)
            _ = try await bench.fetchOne()
            try await bench.reclaimAll(from: .ann)
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "e"))
            try await bench.expect(id, in: .held)
            try await bench.makeDue(id)
            let delivery = try await bench.fetchOne()
            #expect(delivery.id == id)
            #expect(delivery.receipt.stream == .low)
            try await bench.settle(delivery, .done)
            try await bench.expect(id, endedAs: "done")
            #expect(try await bench.hash("moved").isEmpty)
        }
    }
}
