import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct PromoteTests {
    @Test(arguments: [1, 25, 60]) func `a job is never early by Redis' clock`(milliseconds: Int64) async throws {
        try await Bench.run { bench in
            let answer = try await bench.queue.enqueue(
                NewJob(kind: .test, options: .after(.milliseconds(milliseconds)))
            )
            guard case .held(let id, let due) = answer else { throw Unexpected("\(answer)") }
            var calls = 0
            while true {
                let promotion = try await bench.queue.promote(as: .ann)
                calls += 1
                if promotion.promoted == 1 {
                    #expect(promotion.now >= due)
                    break
                }
                #expect(promotion.now < due)
                #expect(promotion.nextDue == due)
            }
            #expect(calls >= 1)
            try await bench.expect(id, in: .ready(.normal))
            #expect(try await bench.queue.promote(as: .ann).nextDue == nil)
        }
    }

    @Test(arguments: [(Priority.high, ReadyStream.high), (.normal, .normal), (.low, .low)])
    func `a held job keeps its priority`(priority: Priority, stream: ReadyStream) async throws {
        try await Bench.run { bench in
            let id = try await bench.addHeld(priority: priority)
            try await bench.expect(id, in: .held)
            try await bench.makeDue(id)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            try await bench.expect(id, in: .ready(stream))
            // And over a retry, and again.
            for _ in 0..<2 {
                try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "e"))
                try await bench.makeDue(id)
                _ = try await bench.queue.promote(as: .ann)
                try await bench.expect(id, in: .ready(stream))
            }
        }
    }

    @Test func `a batch moves 256, and 10,000 due jobs take forty`() async throws {
        try await Bench.run { bench in
            let jobs = [NewJob](repeating: NewJob(kind: .test, options: .after(.milliseconds(1))), count: 10_000)
            let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            // The last has to be due.
            while try await bench.now() < (try await bench.queue.job(ids[9_999]).due?.milliseconds ?? 0) {}
            var promoted: [Int] = []
            repeat { promoted.append(try await bench.queue.promote(as: .ann).promoted) } while promoted.last != 0
            #expect(promoted == [Int](repeating: Limits.promoteBatchMax, count: 39) + [16, 0])
            let depth = try await bench.queue.depth()
            #expect(depth.ready == 10_000 && depth.held == 0)
            #expect(Set(try await bench.fetch(10_000).map(\.id)) == Set(ids))
            let census = try await bench.census()
            #expect(census.faults == [])
        }
    }

    @Test func `what is due in the same moment leaves in the order of its due time`() async throws {
        try await Bench.run { bench in
            let ids = [try await bench.addHeld(), try await bench.addHeld(), try await bench.addHeld()]
            for (score, id) in zip(["30", "10", "20"], ids) {
                try await bench.redis("ZADD", bench.key("due"), "XX", score, id.text)
            }
            #expect(try await bench.fetch().map(\.id) == [ids[1], ids[2], ids[0]])
        }
    }

    @Test func `a job that expired while it was held ends`() async throws {
        try await Bench.run { bench in
            var options = EnqueueOptions.after(.seconds(600))
            options.expires = ServerTime(milliseconds: try await bench.now())
            let expired = try await bench.add("a", "", options)
            options.expires = ServerTime(milliseconds: try await bench.now() + 60_000)
            let fresh = try await bench.add("a", "", options)
            try await bench.makeDue(expired, fresh)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            try await bench.expect(expired, endedAs: "expired")
            try await bench.expect(fresh, in: .ready(.normal))
        }
    }

    @Test func `a target of the wrong type stops no job behind it, and gets its job when it is mended`() async throws {
        try await Bench.run { bench in
            try await bench.redis("SET", bench.key("ready:high"), "a string")
            let stuck = try await bench.addHeld(priority: .high)
            let free = try await bench.addHeld()
            try await bench.makeDue(stuck, free)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            #expect(try await bench.state(of: free) == .ready)
            #expect(try await bench.state(of: stuck) == .held)
            // Tried again later, not at once: 256 such jobs would hide every other.
            let due = try #require(try await bench.queue.job(stuck).due?.milliseconds)
            #expect(due > (try await bench.now()))
            try await bench.redis("DEL", bench.key("ready:high"))
            try await bench.makeDue(stuck)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            try await bench.expectWhole([stuck, free])
        }
    }

    @Test func `three hundred stuck jobs hide no other`() async throws {
        try await Bench.run { bench in
            try await bench.redis("SET", bench.key("ready:high"), "a string")
            var job = NewJob(kind: .test, options: .after(.seconds(600)))
            job.options.priority = .high
            let stuck = try await bench.queue.enqueue([NewJob](repeating: job, count: 300)).map { try $0.get().id }
            for id in stuck { try await bench.makeDue(id) }
            let free = try await bench.addHeld()
            try await bench.redis("ZADD", bench.key("due"), "2", free.text)
            _ = try await bench.queue.promote(as: .ann)
            _ = try await bench.queue.promote(as: .ann)
            #expect(try await bench.state(of: free) == .ready)
            try await bench.redis("DEL", bench.key("ready:high"))
            try await bench.expectWhole(stuck + [free])
        }
    }

    @Test func `a due time without its job is put away`() async throws {
        try await Bench.run { bench in
            let id = try await bench.addHeld()
            try await bench.redis("ZADD", bench.key("due"), "1", "5-5d")
            try await bench.makeDue(id)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            try await bench.expectWhole([id])
            #expect(try await bench.journal().map(\.event) == ["scheduled", "ghost"])
        }
    }

    @Test func `an envelope that cannot be read is dead, its bytes kept`() async throws {
        try await Bench.run { bench in
            for (id, bytes) in [("5-5d", [0xc1, 0xff] as [UInt8]), ("5-6d", Array("text".utf8)), ("5-7d", [])] {
                _ = try await bench.pond.redis.send(
                    RedisCommand("HSET", .text(bench.key("held")), .text(id), .bytes(bytes))
                )
                try await bench.redis("ZADD", bench.key("due"), "1", id)
            }
            let good = try await bench.addHeld()
            try await bench.makeDue(good)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            #expect(try await bench.queue.dead().map(\.cause) == ["malformed", "malformed", "malformed"])
            #expect(try await bench.queue.job(JobID("5-5d")).payload == [0xc1, 0xff])
            try await bench.expectWhole([good, JobID("5-5d"), JobID("5-6d"), JobID("5-7d")])
        }
    }

    @Test func `a job in a stream whose ids are used up goes to the front instead`() async throws {
        try await Bench.run { bench in
            let id = try await bench.addHeld()
            let last = "18446744073709551615-18446744073709551615"
            try await bench.redis("XADD", bench.key("ready"), last, "kind", "a")
            try await bench.makeDue(id)
            #expect(try await bench.queue.promote(as: .ann).promoted == 1)
            try await bench.expect(id, in: .ready(.front))
        }
    }
}

/// The wake-up wakes one idle worker for a due time that comes before its next beat.
@Suite(.redis) struct WakeUpTests {
    private func wakeUps(_ bench: Bench) async throws -> Int64 {
        try await bench.redis("XLEN", bench.key("bell")).int ?? 0
    }

    @Test func `it rings for a near due time only`() async throws {
        try await Bench.run { bench in
            try await bench.add("a", "", .after(.seconds(600)))
            #expect(try await wakeUps(bench) == 0)
            try await bench.add("a", "", .after(.milliseconds(1_000)))
            #expect(try await wakeUps(bench) == 1)
        }
    }

    @Test func `it does not ring for a job behind another, nor twice`() async throws {
        try await Bench.run { bench in
            let head = try await bench.addHeld()
            try await bench.makeDue(head)
            try await bench.add("a", "", .after(.milliseconds(1_000)))
            #expect(try await wakeUps(bench) == 0)
            try await bench.redis("DEL", bench.key("due"), bench.key("held"))
            try await bench.add("a", "", .after(.milliseconds(1_500)))
            try await bench.add("a", "", .after(.milliseconds(10)))
            #expect(try await wakeUps(bench) == 1)
        }
    }

    @Test(arguments: [
        Outcome.retry(after: .milliseconds(900), error: "e"), .deferred(for: .milliseconds(900), grace: .seconds(9)),
    ])
    func `it rings for a retry and for a deferred job too`(outcome: Outcome) async throws {
        try await Bench.run { bench in
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(), outcome)
            #expect(try await wakeUps(bench) == 1)
        }
    }

    @Test func `one of two listeners hears it, and the fetch after it puts it away`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let reader = bench.pond.makeReader()
            async let heard = bench.queue.listen(as: .ann, on: reader, to: [.normal], block: .seconds(20))
            try await bench.add("a", "", .after(.milliseconds(1_000)))
            let wakeUp = try #require(try await heard.wakeUp)
            #expect(try await bench.queue.owned(by: .ann).wakeUps == [wakeUp])
            let deaf = try await bench.queue.listen(as: .bob, on: reader, to: [.normal], block: .milliseconds(1))
            #expect(deaf.wakeUp == nil)
            let fetched = try await bench.queue.fetch(as: .ann, atMost: 1, wakeUp: wakeUp)
            #expect(fetched.nextDue != nil || fetched.deliveries.count == 1)
            #expect(try await wakeUps(bench) == 0)
            #expect(try await bench.queue.owned(by: .ann).wakeUps.isEmpty)
            await reader.close()
        }
    }

    @Test func `a wakeUp that a dead worker held is put away with its jobs`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let reader = bench.pond.makeReader()
            try await bench.add("a", "", .after(.milliseconds(1_000)))
            #expect(try await bench.queue.listen(as: .ann, on: reader, to: [], block: .seconds(20)).wakeUp != nil)
            await reader.close()
            #expect(try await bench.queue.leave(as: .ann) == false)
            try await bench.reclaimAll(from: .ann)
            #expect(try await wakeUps(bench) == 0)
        }
    }

    @Test func `who leaves takes its wakeUp along`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let reader = bench.pond.makeReader()
            try await bench.add("a", "", .after(.milliseconds(1_000)))
            let wakeUp = try await bench.queue.listen(as: .ann, on: reader, to: [], block: .seconds(20)).wakeUp
            await reader.close()
            #expect(try await bench.queue.leave(as: .ann, wakeUp: wakeUp))
            #expect(try await wakeUps(bench) == 0)
        }
    }
}
