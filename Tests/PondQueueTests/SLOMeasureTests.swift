import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import PondTestKit
import Testing

/// Histograms of times, and what the classes are promised.
@Suite(.redis) struct SLOMeasureTests {
    private func histogram(_ milliseconds: Int64..., count: Int = 1) -> ExponentialHistogram {
        var histogram = ExponentialHistogram()
        for value in milliseconds {
            for _ in 0..<count { histogram.record(.milliseconds(value)) }
        }
        return histogram
    }

    @Test func `what workers measured is one histogram over any window`() async throws {
        try await Bench.run { bench in
            let first = histogram(1, 20, 604_800_000)
            let second = histogram(20, 3_000, count: 7)
            _ = try await bench.queue.measure([SLOMeasure(.a, .wait, first), SLOMeasure(.a, .failedRun, second)])
            _ = try await bench.queue.measure([SLOMeasure(.a, .wait, second), SLOMeasure(.b, .total, first)])
            var both = first
            both.merge(second)
            let now = try await bench.queue.serviceLevels(over: []).now
            for window in [Duration.seconds(60), .seconds(3 * 3_600), .seconds(3 * 86_400), .seconds(30 * 86_400)] {
                let found = try await bench.queue.durations(of: .a, over: window, at: now)
                #expect(found[.wait] == both && found[.failedRun] == second, "\(window)")
                #expect(found[.run]?.isEmpty == true && found[.total]?.isEmpty == true)
            }
            #expect(try await bench.queue.durations(of: .b, over: .seconds(60), at: now)[.total] == first)
        }
    }

    @Test func `a histogram takes at most 600 bytes, and goes when nobody looks that closely any more`() async throws {
        try await Bench.run { bench in
            let queue = try bench.pond.queue("emails-\(UInt16.random(in: .min ... .max))")
            // As workers do it: again and again, each time more of the buckets.
            for bucket in stride(from: 0, to: ExponentialHistogram.bucketCount, by: 9) {
                var counts = [Int](repeating: 0, count: bucket + 1)
                counts[bucket] = 3
                _ = try await queue.measure([SLOMeasure(.b, .failedRun, ExponentialHistogram(counts: counts))])
            }
            let now = try await bench.now()
            for tier in SLOTier.allCases {
                let slot = now / tier.slot.wholeMilliseconds
                let key = queue.keys.histogram(of: .b, .failedRun, tier, slot: slot)
                let size = try #require(try await bench.redis("MEMORY", "USAGE", key).int, "\(key) is not there")
                #expect(size <= 600, "\(key): \(size) bytes")
                let left = try #require(try await bench.redis("TTL", key).int)
                #expect(abs(Duration.seconds(left).inSeconds - tier.kept.inSeconds) < 60)
            }
            _ = try await bench.redis("DEL", queue.keys.histogram(of: .b, .failedRun, .hour, slot: now / 3_600_000))
        }
    }

    @Test func `a bucket that is full stays full`() async throws {
        try await Bench.run { bench in
            let most = Int(UInt32.max)
            for _ in 0..<2 {
                _ = try await bench.queue.measure([SLOMeasure(.b, .run, ExponentialHistogram(counts: [0, most, 1]))])
            }
            let now = try await bench.queue.serviceLevels(over: []).now
            let found = try #require(try await bench.queue.durations(of: .b, over: .seconds(60), at: now)[.run])
            #expect(found.counts[1] == most && found.counts[2] == 2)
        }
    }

    @Test(arguments: ["", "E wait 1 1", "B sleep 1 1", "B wait", "B wait 117 1", "B wait 1 4294967296", "B wait 1 -1"])
    func `what is no histogram is refused`(text: String) async throws {
        try await Bench.run { bench in
            let refusal = try await bench.refusal("pond_measure", text)
            #expect(refusal.hasPrefix("INVALID measure: got \"\(text)\""))
            #expect(try await bench.redis("KEYS", bench.queue.keys.base + ":slo:*").array?.isEmpty == true)
        }
    }

    @Test func `a promise is kept until it is changed, and can go back to the standard`() async throws {
        try await Bench.run { bench in
            #expect(try await bench.queue.measure([]) == .standard)
            let target = ClassTarget(wait: .seconds(30), total: .seconds(300), objective: 0.9, success: 0.975)
            try await bench.queue.setTarget(target, of: .b)
            try await bench.queue.setTarget(.standard(.a), of: .a, asDefault: true)
            let promises = try await bench.queue.measure([])
            #expect(promises.target(of: .b) == target && promises.jobClass == .a)
            #expect(promises.target(of: .c) == .standard(.c))
            #expect(try await bench.queue.serviceLevels(over: []).promises == promises)
            #expect(try await bench.queue.setTarget(nil, of: .b).target(of: .b) == .standard(.b))
        }
    }

    @Test func `a promise that cannot be kept is refused`() async throws {
        try await Bench.run { bench in
            var target = ClassTarget.standard(.b)
            target.objective = 1
            await #expect(throws: QueueError.self) { try await bench.queue.setTarget(target, of: .b) }
            let noClass = try await bench.refusal("pond_target", "E", "", "")
            #expect(noClass.hasPrefix("INVALID class"))
            for text in ["30000 300000", "0 1 0.9 0.9", "1 1 0.9 2"] {
                let refusal = try await bench.refusal("pond_target", "B", text, "")
                #expect(refusal.hasPrefix("INVALID target"))
            }
        }
    }

    @Test func `the standards are the same on both sides`() {
        let rows = JobClass.allCases.map { jobClass in
            let target = ClassTarget.standard(jobClass)
            return "{ \(target.wait.wholeMilliseconds), \(target.total.wholeMilliseconds) }"
        }
        #expect(LuaLibrary.text.contains("TARGETS = { \(rows.joined(separator: ", ")) }"))
        #expect(LuaLibrary.text.contains("BUCKETS = \(ExponentialHistogram.bucketCount),"))
    }
}
