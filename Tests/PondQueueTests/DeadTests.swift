import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct DeadTests {
    /// Buries a job and gives its id.
    private func bury(_ bench: Bench, _ cause: String = "failed", kind: String = "a.b") async throws -> JobID {
        let id = try await bench.add(kind)
        try await bench.settle(try await bench.fetchOne(), .dead(cause: Cause(cause), error: "why \(cause)"))
        return id
    }

    @Test func `the newest are listed first, as many as asked, or of one cause`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for number in 0..<6 { ids.append(try await bury(bench, number.isMultiple(of: 2) ? "even" : "odd")) }
            for (score, id) in ids.enumerated() {
                try await bench.redis("ZADD", bench.key("dead:at"), "XX", "\(score + 1)", id.text)
            }
            #expect(try await bench.queue.dead().map(\.id) == ids.reversed())
            #expect(try await bench.queue.dead(limit: 2).map(\.id) == [ids[5], ids[4]])
            #expect(try await bench.queue.dead(cause: "even").map(\.id) == [ids[4], ids[2], ids[0]])
            #expect(try await bench.queue.dead(limit: 1, cause: "odd").map(\.id) == [ids[5]])
            #expect(try await bench.queue.dead(cause: "none").isEmpty)
        }
    }

    @Test(arguments: ["0", "1001", "-1", "", "x"]) func `a list has 1 to 1,000 jobs`(limit: String) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_dead", limit, "")
            #expect(text == "INVALID limit: got \"\(limit)\", allowed is 1 to 1000")
        }
    }

    @Test func `a revived job runs again from its first attempt, its last error kept`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add(priority: .high)
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "first"))
            try await bench.makeDue(id)
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "second"))
            #expect(try await bench.queue.revive([id]) == [.enqueued])
            try await bench.expect(id, in: .ready(.high))
            let job = try await bench.fetchOne().job.get()
            #expect(job.id == id && job.attempt == 1 && job.recoveries == 0)
            #expect(job.lastError == "second")
            #expect(job.enqueuedAt.milliseconds == Int64(id.text.prefix { $0 != "-" }))
        }
    }

    @Test func `each id of a revival has its answer, and none is revived twice`() async throws {
        try await Bench.run { bench in
            let id = try await bury(bench)
            let malformed = try await bury(bench, "malformed")
            let answers = try await bench.queue.revive([id, JobID("5-5"), malformed, id])
            #expect(answers == [.enqueued, .unknown, .refused("a malformed entry cannot run; discard it"), .unknown])
            try await bench.expectWhole([id, malformed])
            #expect(try await bench.queue.revive([]).isEmpty)
        }
    }

    @Test func `a job whose stream cannot take it stays dead`() async throws {
        try await Bench.run { bench in
            let id = try await bury(bench)
            try await bench.redis("RENAME", bench.key("ready"), bench.key("away"))
            try await bench.redis("SET", bench.key("ready"), "a string")
            guard case .refused(let text)? = try await bench.queue.revive([id]).first else {
                throw Unexpected("revived")
            }
            #expect(text.hasPrefix("WRONGTYPE"))
            try await bench.redis("RENAME", bench.key("away"), bench.key("ready"))
            try await bench.expect(id, in: .dead)
            #expect(try await bench.queue.revive([id]) == [.enqueued])
        }
    }

    @Test func `a discarded job is gone, and its cause with the last of its kind`() async throws {
        try await Bench.run { bench in
            let ids = [try await bury(bench), try await bury(bench), try await bury(bench, "other")]
            #expect(try await bench.hash("causes").count == 2)
            #expect(
                try await bench.queue.discard([ids[0], JobID("5-5"), ids[2], ids[0]]) == [true, false, true, false]
            )
            try await bench.expect(ids[0], endedAs: "discarded")
            try await bench.expectWhole(ids)
            #expect(Array(try await bench.hash("causes").keys) == ["failed"])
            #expect(try await bench.queue.depth().dead == 1)
        }
    }

    @Test(arguments: ["pond_revive", "pond_discard", "pond_compensate", "pond_dead_kinds"])
    func `256 ids a call are allowed`(function: String) async throws {
        try await Bench.run { bench in
            let ids = [RedisArgument](repeating: "5-5", count: Limits.deadBatchMax)
            let answers = try await bench.call(function, ids)
            #expect(answers.array?.count == 256)
            let text = try await bench.refusal(function, ids + ["5-5"])
            #expect(text == "INVALID ids: at most 256 a call")
        }
    }

    @Test func `a job that dies again moves to its new cause`() async throws {
        try await Bench.run { bench in
            let id = try await bury(bench, "first")
            _ = try await bench.queue.revive([id])
            try await bench.settle(try await bench.fetchOne(), .dead(cause: Cause("second"), error: "e"))
            try await bench.expect(id, in: .dead)
            #expect(Array(try await bench.hash("causes").keys) == ["second"])
        }
    }

    @Test func `causes are summed up, the most frequent first`() async throws {
        try await Bench.run { bench in
            let ids = [try await bury(bench, "rare"), try await bury(bench, "often"), try await bury(bench, "often")]
            let causes = try await bench.queue.causes()
            #expect(causes.map(\.name) == ["often", "rare"])
            #expect(causes.map(\.count) == [2, 1])
            #expect(causes[0].lastID == ids[2] && causes[0].lastError == "why often")
            #expect(causes[0].first <= causes[0].last)
            _ = try await bench.queue.revive([ids[1]])
            #expect(try await bench.queue.causes().map(\.count) == [1, 1])
        }
    }

    @Test func `a summary that cannot be read is begun anew`() async throws {
        try await Bench.run { bench in
            try await bench.redis("HSET", bench.key("causes"), "failed", "no summary")
            let id = try await bury(bench)
            #expect(try await bench.queue.causes().map(\.count) == [1])
            try await bench.redis("HSET", bench.key("causes"), "failed", "no summary")
            #expect(try await bench.queue.discard([id]) == [true])
            #expect(try await bench.hash("causes").isEmpty)
        }
    }

    @Test func `all ids of the dead are named over pages, oldest first`() async throws {
        try await Bench.run { bench in
            let jobs = [NewJob](repeating: NewJob(kind: .test), count: 1_100)
            let ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            for start in stride(from: 0, to: 1_100, by: 500) {
                let batch = try await bench.fetch(500).map {
                    Settlement(
                        receipt: $0.receipt,
                        id: $0.id,
                        outcome: .dead(cause: start == 0 ? .failed : .malformed, error: "e")
                    )
                }
                _ = try await bench.queue.settle(batch, as: .ann)
            }
            #expect(Set(try await bench.queue.deadIDs()) == Set(ids))
            #expect(Set(try await bench.queue.deadIDs(cause: "failed")) == Set(ids.prefix(500)))
            #expect(try await bench.queue.deadIDs(limit: 3).count == 3)
            #expect(try await bench.refusal("pond_dead_ids", "", "0", "1001").hasPrefix("INVALID page"))
        }
    }

    @Test(.redis) func `past the bound the oldest ends as dropped, never silently`() async throws {
        try await Bench.run { bench in
            // The bound is the library's own, so a library with a small one is loaded under the same name.
            let small = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = 5")
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", small)
            try await bench.redis("HSET", bench.key("meta"), "dead_overflow", "drop")
            var ids: [JobID] = []
            for number in 0..<8 {
                ids.append(try await bury(bench, "cause\(number % 2)"))
                try await bench.redis("ZADD", bench.key("dead:at"), "XX", "\(number + 1)", ids[number].text)
            }
            #expect(try await bench.queue.dead().map(\.id) == ids.suffix(5).reversed())
            for id in ids.prefix(3) { try await bench.expect(id, endedAs: "dropped") }
            let depth = try await bench.queue.depth()
            #expect(depth.dead == 5 && depth.dropped == 3)
            try await bench.expectWhole(ids)
        }
    }

    @Test(.redis) func `before a dead job is dropped the queue is paused, until there is room`() async throws {
        try await Bench.run { bench in
            let small = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = 10")
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", small)
            var ids: [JobID] = []
            for _ in 0..<8 { ids.append(try await bury(bench)) }
            #expect(try await !bench.queue.depth().isPaused)
            // What runs already may still die: it finds room.
            let first = try await bench.add()
            let second = try await bench.add()
            for delivery in try await bench.fetch(2) {
                try await bench.settle(delivery, .dead(cause: .failed, error: "e"))
            }
            #expect(try await bench.queue.depth().isPaused)
            #expect(try await bench.queue.pauseReason()?.hasPrefix("dead_full: 9 jobs are dead") == true)
            let waiting = try await bench.add()
            #expect(try await bench.fetch(1).isEmpty)
            _ = try await bench.queue.discard(Array(ids.prefix(2)))
            #expect(try await bench.queue.depth().isPaused)
            _ = try await bench.queue.revive([ids[2]])
            #expect(try await !bench.queue.depth().isPaused)
            #expect(try await bench.queue.depth().dropped == 0)
            try await bench.expectWhole(ids + [first, second, waiting])
        }
    }

    @Test(.redis) func `a pause of somebody's own is left as it is, and overflow may be wanted`() async throws {
        try await Bench.run { bench in
            let small = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = 2")
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", small)
            try await bench.redis("HSET", bench.key("meta"), "dead_overflow", "drop")
            var ids: [JobID] = []
            for _ in 0..<3 { ids.append(try await bury(bench)) }
            #expect(try await !bench.queue.depth().isPaused)
            try await bench.queue.pause(reason: "mine")
            _ = try await bench.queue.discard(ids)
            #expect(try await bench.queue.pauseReason() == "mine")
        }
    }

    @Test(.redis) func `a bound that was lowered is reached again, however far it is`() async throws {
        try await Bench.run { bench in
            try await bench.pond.installLibrary()
            let jobs = [NewJob](repeating: NewJob(kind: .test), count: 6_000)
            var ids = try await bench.queue.enqueue(jobs).map { try $0.get().id }
            for _ in 0..<12 {
                let batch = try await bench.fetch(500).map {
                    Settlement(receipt: $0.receipt, id: $0.id, outcome: .dead(cause: .failed, error: "e"))
                }
                _ = try await bench.queue.settle(batch, as: .ann)
            }
            let small = LuaLibrary.text.replacing("local DEAD_MAX = \(Limits.deadMax)", with: "local DEAD_MAX = 5")
            try await bench.redis("FUNCTION", "LOAD", "REPLACE", small)
            try await bench.redis("HSET", bench.key("meta"), "dead_overflow", "drop")
            for _ in 0..<30 { ids.append(try await bury(bench)) }
            #expect(try await bench.queue.depth().dead == 5)
            try await bench.expectWhole(ids)
        }
    }
}
