import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import PondTestKit
import Testing

/// Exact counts of ends by class, and who is late.
@Suite(.redis) struct SLOTests {
    private static let day = Duration.seconds(86_400)

    private func job(_ jobClass: JobClass?, key: String? = nil) throws -> EnqueueOptions {
        var options = EnqueueOptions()
        options.jobClass = jobClass
        options.key = try key.map { try IdempotencyKey($0) }
        return options
    }

    /// Settles a fetched job as done, and says how it kept its promises.
    private func finish(
        _ bench: Bench,
        _ delivery: Delivery,
        _ jobClass: JobClass,
        wait: Bool = true,
        total: Bool = true,
        as consumer: Consumer = .ann
    ) async throws -> SettleAnswer? {
        let job = try delivery.job.get()
        let grade = JobGrade(jobClass, waitIsGood: wait, totalIsGood: total)
        let settlement = Settlement(
            receipt: delivery.receipt,
            id: job.id,
            outcome: .done,
            key: job.fence == 0 ? job.key : nil,
            journalFacts: JournalFacts(job: job, wait: .milliseconds(1), run: .milliseconds(1), grade: grade)
        )
        return try await bench.queue.settle([settlement], as: consumer).first
    }

    private func counts(_ bench: Bench, _ jobClass: JobClass) async throws -> SLOCounts {
        let reading = try await bench.queue.serviceLevels(over: [Self.day])
        return try #require(reading.classes.first { $0.jobClass == jobClass }?.counts.first)
    }

    @Test func `a done job counts in its class as it kept its promises`() async throws {
        try await Bench.run { bench in
            for (number, jobClass) in JobClass.allCases.enumerated() {
                for keeps in 0..<4 {
                    for _ in 0...number {
                        try await bench.add("a.b", "{}", try job(jobClass))
                        let answer = try await finish(
                            bench,
                            try await bench.fetchOne(),
                            jobClass,
                            wait: keeps & 2 > 0,
                            total: keeps & 1 > 0
                        )
                        #expect(answer == .done)
                    }
                }
            }
            for (number, jobClass) in JobClass.allCases.enumerated() {
                let each = number + 1
                let expected = SLOCounts(jobs: 4 * each, waitGood: 2 * each, totalGood: 2 * each, successGood: 4 * each)
                #expect(try await counts(bench, jobClass) == expected, "class \(jobClass)")
            }
        }
    }

    @Test func `keyed, retried and revived jobs count once an end`() async throws {
        try await Bench.run { bench in
            try await bench.add("a.b", "{}", try job(.a, key: "k1"))
            #expect(try await finish(bench, try await bench.fetchOne(), .a) == .done)
            let retried = try await bench.add("a.b", "{}", try job(.a))
            try await bench.settle(try await bench.fetchOne(), .retry(after: .seconds(60), error: "no"))
            try await bench.makeDue(retried)
            #expect(try await finish(bench, try await bench.fetchOne(), .a) == .done)
            #expect(try await counts(bench, .a).jobs == 2)
            let revived = try await bench.add("a.b", "{}", try job(.a))
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "no"))
            #expect(try await bench.queue.revive([revived]) == [.enqueued])
            #expect(try await counts(bench, .a) == SLOCounts(jobs: 3, waitGood: 2, totalGood: 3, successGood: 2))
            #expect(try await finish(bench, try await bench.fetchOne(), .a) == .done)
            #expect(try await counts(bench, .a).jobs == 4)
        }
    }

    @Test func `a settle that comes twice or too late counts nothing`() async throws {
        try await Bench.run { bench in
            try await bench.add("a.b", "{}", try job(.c))
            let delivery = try await bench.fetchOne()
            #expect(try await finish(bench, delivery, .c) == .done)
            #expect(try await finish(bench, delivery, .c) == .lost)
            try await bench.add("a.b", "{}", try job(.c))
            let taken = try await bench.fetchOne()
            try await bench.reclaimAll(from: .ann)
            #expect(try await finish(bench, taken, .c) == .lost)
            #expect(try await counts(bench, .c).jobs == 1)
            #expect(try await finish(bench, try await bench.fetchOne(as: .bob), .c, as: .bob) == .done)
            #expect(try await counts(bench, .c).jobs == 2)
        }
    }

    @Test func `deaths and expiries count as failed, with the times that they took`() async throws {
        try await Bench.run { bench in
            // Dies in time, on a try that had begun.
            try await bench.add("a.b", "{}", try job(.a))
            let delivery = try await bench.fetchOne()
            let journalFacts = JournalFacts(
                job: try delivery.job.get(),
                wait: .milliseconds(5),
                run: .milliseconds(1),
                grade: JobGrade(.a, waitIsGood: true, totalIsGood: true)
            )
            let death = Settlement(
                receipt: delivery.receipt,
                id: delivery.id,
                outcome: .dead(cause: .failed, error: "no"),
                spent: Spending(wall: .milliseconds(1), cpu: .zero, usd: USD(micros: 0)),
                journalFacts: journalFacts
            )
            _ = try await bench.queue.settle([death], as: .ann)
            #expect(try await counts(bench, .a) == SLOCounts(jobs: 1, waitGood: 1, totalGood: 1, successGood: 0))
            // Expires before it began, at its worker.
            try await bench.add("a.b", "{}", try job(.b))
            try await bench.settle(try await bench.fetchOne(), .expired)
            #expect(try await counts(bench, .b) == SLOCounts(jobs: 1, waitGood: 0, totalGood: 1, successGood: 0))
            // Expires while it is held.
            var options = EnqueueOptions.after(.seconds(600))
            options.jobClass = .d
            options.expires = Limits.earliestTime
            let held = try await bench.add("a.b", "{}", options)
            try await bench.makeDue(held)
            _ = try await bench.queue.promote(as: .ann)
            #expect(try await counts(bench, .d) == SLOCounts(jobs: 1, waitGood: 0, totalGood: 1, successGood: 0))
        }
    }

    @Test func `a job that kills its workers counts once`() async throws {
        try await Bench.run { bench in
            try await bench.add("a.b", "{}", try job(.c))
            for death in 1...Limits.recoveriesMax {
                let consumer = Consumer("w\(death)")
                _ = try await bench.fetchAndStart(as: consumer)
                let taken = try await bench.reclaimAll(from: consumer)
                #expect(taken.buried == (death == Limits.recoveriesMax ? 1 : 0))
            }
            #expect(try await counts(bench, .c) == SLOCounts(jobs: 1, waitGood: 1, totalGood: 1, successGood: 0))
        }
    }

    @Test func `cancelled and discarded jobs and duplicates do not count`() async throws {
        try await Bench.run { bench in
            let cancelled = try await bench.add()
            _ = try await bench.queue.cancel(cancelled)
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .cancelled)
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .duplicate(of: JobID("1-1")))
            #expect(try await counts(bench, .b).jobs == 0)
            let dead = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "no"))
            _ = try await bench.queue.discard([dead])
            #expect(try await counts(bench, .b).jobs == 1)
        }
    }

    @Test func `a class that a job does not name is the queue's`() async throws {
        try await Bench.run { bench in
            try await bench.queue.setTarget(nil, of: .d, asDefault: true)
            try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "no"))
            #expect(try await counts(bench, .d).jobs == 1)
            #expect(try await counts(bench, .b).jobs == 0)
        }
    }

    @Test func `counts of an hour take 208 bytes, and nothing that sits on them stops a settle`() async throws {
        try await Bench.run { bench in
            try await bench.add()
            #expect(try await finish(bench, try await bench.fetchOne(), .b) == .done)
            let hour = try await bench.now() / 3_600_000
            let key = bench.queue.keys.counters(of: .b, hour: hour)
            #expect(try await bench.redis("STRLEN", key).int == 208)
            #expect(try #require(try await bench.redis("TTL", key).int) > 30 * 86_400)
            try await bench.redis("DEL", key)
            try await bench.redis("HSET", key, "a", "b")
            try await bench.redis("HSET", bench.queue.keys.counters(of: .b, hour: hour + 1), "a", "b")
            let dead = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .dead(cause: .failed, error: "no"))
            #expect(try await bench.state(of: dead) == .dead)
            try await bench.add()
            #expect(try await finish(bench, try await bench.fetchOne(), .b) == .done)
            #expect(try await counts(bench, .b).jobs == 0)
            _ = try await bench.queue.measure([SLOMeasure(.b, .wait, ExponentialHistogram(counts: [1]))])
        }
    }

    @Test func `a window takes whole hours and the five minutes that it begins in`() async throws {
        try await Bench.run { bench in
            let now = try await bench.now()
            // A job in each five minutes of the last 26 hours.
            for hour in (now / 3_600_000 - 26)...(now / 3_600_000) {
                let key = bench.queue.keys.counters(of: .a, hour: hour)
                try await bench.redis("BITFIELD", key, "INCRBY", "u32", "#51", "0")
                for slot in 0..<12 where hour * 3_600_000 + Int64(slot) * 300_000 <= now {
                    for place in [0, 4 * (slot + 1)] {
                        try await bench.redis("BITFIELD", key, "INCRBY", "u32", "#\(place)", "1")
                    }
                }
            }
            let windows: [Duration] = [.zero, .seconds(300), .seconds(3_600), .seconds(24 * 3_600)]
            let reading = try await bench.queue.serviceLevels(over: windows)
            // The five minutes may have changed between the two looks at the clock.
            let turn = reading.now.milliseconds / 300_000 != now / 300_000 ? 1 : 0
            #expect(reading.classes[0].counts.map(\.jobs) == [1, 2, 13, 289].map { $0 - turn })
        }
    }

    @Test(arguments: ["-1", "x", "2678400001"]) func `a window is at most 31 days`(window: String) async throws {
        try await Bench.run { bench in
            let text = try await bench.refusal("pond_slo", window)
            #expect(text.hasPrefix("INVALID window: got \"\(window)\""))
        }
    }
}
