import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Testing

/// Adding the jobs of an export, each once.
@Suite(.redis) struct ImportTests {
    private func jobs(_ numbers: ClosedRange<Int64>) throws -> [(number: Int64, job: NewJob)] {
        try numbers.map { ($0, NewJob(kind: try JobKind("a.b"), data: Array("\($0)".utf8))) }
    }

    @Test func `jobs are added once, however often they are sent`() async throws {
        try await Bench.run { bench in
            #expect(try await bench.queue.importJobs([], of: "e-1").cursor == 0)
            let first = try await bench.queue.importJobs(try jobs(1...10), of: "e-1")
            #expect(first.ready == 10 && first.before == 0 && first.cursor == 10)
            let again = try await bench.queue.importJobs(try jobs(1...10), of: "e-1")
            #expect(again.ready == 0 && again.before == 10 && again.cursor == 10)
            // An answer that was lost: some were there, some are new.
            let overlapping = try await bench.queue.importJobs(try jobs(6...15), of: "e-1")
            #expect(overlapping.ready == 5 && overlapping.before == 5 && overlapping.cursor == 15)
            #expect(try await bench.queue.depth().ready == 15)
        }
    }

    @Test func `another export has a cursor of its own, and numbers may have gaps`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.importJobs(try jobs(1...2), of: "e1")
            let other = try await bench.queue.importJobs(try jobs(2...2) + jobs(7...7), of: "e2")
            #expect(other.ready == 2 && other.cursor == 7)
            #expect(try await bench.redis("HGET", bench.key("meta"), "import:e2").string == "7")
        }
    }

    @Test func `the first that is refused stops it there`() async throws {
        try await Bench.run { bench in
            var batch = try jobs(1...4)
            batch[1].job.options.key = try IdempotencyKey("k")
            batch[2].job.options.key = try IdempotencyKey("k")
            let answer = try await bench.queue.importJobs(batch, of: "e1")
            #expect(answer.ready == 2 && answer.cursor == 2)
            #expect(answer.refused?.number == 3)
            #expect(answer.refused?.error.code == .keyMismatch)
            // Without it the rest goes in.
            batch.remove(at: 2)
            let rest = try await bench.queue.importJobs(batch, of: "e1")
            #expect(rest.ready == 1 && rest.before == 2 && rest.refused == nil)
        }
    }

    @Test func `a full queue takes the rest later`() async throws {
        try await Bench.run { bench in
            try await bench.redis("HSET", bench.key("meta"), "max_depth", "3")
            let answer = try await bench.queue.importJobs(try jobs(1...5), of: "e1")
            #expect(answer.ready == 3 && answer.refused?.number == 4)
            #expect(answer.refused?.error.code == .queueFull)
            try await bench.redis("HDEL", bench.key("meta"), "max_depth")
            #expect(try await bench.queue.importJobs(try jobs(1...5), of: "e1").ready == 2)
        }
    }

    @Test func `a known key adds nothing and is passed for good`() async throws {
        try await Bench.run { bench in
            var batch = try jobs(1...1)
            batch[0].job.options.key = try IdempotencyKey("k")
            try await bench.add("a.b", "1", try .once("k"))
            let answer = try await bench.queue.importJobs(batch, of: "e1")
            #expect(answer.duplicates == 1 && answer.ready == 0 && answer.cursor == 1)
        }
    }

    @Test func `a due time and a priority arrive`() async throws {
        try await Bench.run { bench in
            var batch = try jobs(1...2)
            let due = ServerTime(milliseconds: try await bench.now() + 600_000)
            batch[0].job.options.runAt = due
            batch[0].job.options.priority = .low
            batch[1].job.options.runAt = ServerTime(milliseconds: 1_500_000_000_000)
            batch[1].job.options.priority = .high
            let answer = try await bench.queue.importJobs(batch, of: "e1")
            #expect(answer.held == 1 && answer.ready == 1)
            let held = try #require(try await bench.queue.export(.held, after: "", upTo: "").jobs.first)
            #expect(held.time == due && held.priority == .low)
            #expect(try await bench.queue.export(.high, after: "", upTo: "").jobs.count == 1)
        }
    }

    @Test func `meta of another type stops it before the first job`() async throws {
        try await Bench.run { bench in
            try await bench.redis("SET", bench.key("meta"), "1")
            await #expect(throws: QueueError.self) {
                _ = try await bench.queue.importJobs([(1, NewJob(kind: try JobKind("a")))], of: "e1")
            }
            #expect(try await bench.redis("EXISTS", bench.key("ready")).int == 0)
        }
    }

    @Test(
        arguments: [
            [""], ["a b"], [String(repeating: "a", count: 65)], ["e", "x"], ["e", "1", "2", "kind"],
            ["e", "1", "4", "kind", "a"], ["e", "-1", "2", "kind", "a"],
        ]
    )
    func `wrong arguments are refused`(arguments: [String]) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_import", arguments.map { .text($0) })
            #expect(text.hasPrefix("INVALID"))
            #expect(try await bench.redis("EXISTS", bench.key("ready")).int == 0)
        }
    }
}
