import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import PondTestKit
import Testing

/// Jobs that are late and still wait.
@Suite(.redis) struct SLOLateTests {
    private func promise(_ bench: Bench, _ jobClass: JobClass, wait: Duration) async throws {
        var target = ClassTarget.standard(jobClass)
        target.wait = wait
        try await bench.queue.setTarget(target, of: jobClass)
    }

    private func late(_ bench: Bench, _ jobClass: JobClass) async throws -> LateJobs {
        let reading = try await bench.queue.serviceLevels(over: [])
        return try #require(reading.classes.first { $0.jobClass == jobClass }).late
    }

    /// Adds a ready job that became ready in the past.
    private func addOld(
        _ bench: Bench,
        number: Int,
        secondsAgo age: Int64,
        _ fields: String...,
        data: String = "{}"
    ) async throws {
        let ms = try await bench.now() - 1_000 * age
        let words = ["XADD", bench.queue.keys.ready(.normal), "\(ms)-\(number)", "kind", "a.b", "data", data] + fields
        _ = try await bench.pond.redis.send(RedisCommand(words[0], words.dropFirst().map { .text($0) }))
    }

    @Test func `a ready job is late when it waits for longer than its class may`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            try await addOld(bench, number: 1, secondsAgo: 700, "class", "C")
            try await addOld(bench, number: 2, secondsAgo: 90)
            try await addOld(bench, number: 3, secondsAgo: 50, "class", "A")
            try await addOld(bench, number: 4, secondsAgo: 40)
            try await addOld(bench, number: 5, secondsAgo: 30, "class", "A", "waited_ms", "1")
            #expect(try await late(bench, .a) == LateJobs(least: 1, about: 1, isExact: true))
            #expect(try await late(bench, .b) == LateJobs(least: 1, about: 1, isExact: true))
            #expect(try await late(bench, .c) == LateJobs(least: 1, about: 1, isExact: true))
            #expect(try await late(bench, .d) == LateJobs(least: 0, about: 0, isExact: true))
            try await promise(bench, .b, wait: .seconds(35))
            #expect(try await late(bench, .b).least == 2)
        }
    }

    @Test func `a job that a worker has is not late`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            try await addOld(bench, number: 1, secondsAgo: 90)
            #expect(try await late(bench, .b).least == 1)
            _ = try await bench.fetchOne()
            #expect(try await late(bench, .b).least == 0)
        }
    }

    @Test func `a pause makes no job late`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            try await addOld(bench, number: 1, secondsAgo: 90)
            try await addOld(bench, number: 2, secondsAgo: 70)
            try await bench.queue.pause(reason: "")
            try await bench.redis("HSET", bench.queue.keys.meta, "paused_ms", "\(try await bench.now() - 20_000)")
            #expect(try await late(bench, .b) == LateJobs(least: 1, about: 1, isExact: true))
        }
    }

    @Test func `of more than a thousand late jobs the number is an estimate`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let now = try await bench.now()
            // Evenly over 200 seconds, so that 60 of 100 are late by the minute.
            let commands = (0..<5_000).map { number in
                RedisCommand(
                    "XADD",
                    .text(bench.queue.keys.ready(.normal)),
                    .text("\(now - 150_000 + Int64(number) * 30)-1"),
                    "kind",
                    "a.b",
                    "data",
                    "{}"
                )
            }
            _ = try await bench.pond.redis.pipeline(commands)
            let found = try await late(bench, .b)
            #expect(!found.isExact && found.least == 1_000)
            // 90 of 150 seconds.
            #expect(abs(found.about - 3_000) < 200, "about \(found.about)")
        }
    }

    @Test func `large payloads bound the look by bytes`() async throws {
        try await Bench.run { bench in
            _ = try await bench.queue.open()
            let data = String(repeating: "x", count: 100_000)
            for number in 1...30 {
                try await addOld(bench, number: number, secondsAgo: Int64(200 - number), data: data)
            }
            let found = try await late(bench, .b)
            #expect(!found.isExact && (1...12).contains(found.least) && found.about > found.least, "\(found)")
        }
    }
}
