import Glibc
import Logging
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTelemetry
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Service levels through the whole path: handlers, a worker, Redis, and the report.
@Suite(.redis) struct SLOReportTests {
    private func queue() throws -> Queue {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), logger: logger)
        return try pond.queue(RedisServer.uniqueName("q"))
    }

    /// Runs a worker until the queue is as wished, then drains it.
    private func work(
        _ queue: Queue,
        slots: Int = 10,
        _ registrations: [JobRegistration],
        until isReached: @Sendable (Depth) -> Bool
    ) async throws {
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        configuration.slots = slots
        configuration.unknownKindGrace = .milliseconds(10)
        configuration.brake = nil
        let worker = try Worker(queue.pond, jobs: Jobs(registrations: registrations), configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            var depth = try await queue.depth()
            let holds = try await Waiting.until(within: .seconds(40), every: .milliseconds(10)) {
                depth = try await queue.depth()
                return isReached(depth)
            }
            #expect(holds, "not reached: \(depth)")
            worker.drain()
            try await group.waitForAll()
        }
    }

    private func row(_ queue: Queue, _ jobClass: JobClass) async throws -> SLOReport.Row {
        let report = try await SLOReport.read([queue], jobClass: jobClass, window: .seconds(3_600))
        return try #require(report.rows.first)
    }

    @Test func `percentiles of two modes are within 5 percent from handler to report`() async throws {
        let queue = try queue()
        let count = 1_500
        var dice = SeededGenerator(seed: 11)
        let plan = (0..<count).map { _ in
            let typical = Double.random(in: 0..<1, using: &dice) < 0.7 ? 30.0 : 400
            let radius = sqrt(-2 * log(Double.random(in: 0.000_001..<1, using: &dice)))
            return typical * exp(0.2 * radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &dice)))
        }
        for milliseconds in plan { try await queue.enqueue("sleep", "\(Int(milliseconds * 1_000))") }
        let ran = Mutex<[Double]>([])
        let handler = JobRegistration(kind: "sleep") { job in
            let began = ContinuousClock.now
            try await Waiting.work(for: .microseconds(Int64(String(decoding: job.job.data, as: UTF8.self)) ?? 0))
            let took = began.duration(to: .now)
            ran.withLock { $0.append(took.inSeconds * 1_000) }
        }
        try await work(queue, slots: 100, [handler]) { $0.done == count }
        let row = try await row(queue, .b)
        let exact = ran.withLock { $0.sorted() }
        let run = try #require(row.durations[.run])
        #expect(run.total == count && row.durations[.wait]?.total == count && row.durations[.total]?.total == count)
        for part in [0.5, 0.95, 0.99] {
            let found = try #require(run.quantile(part)).inSeconds * 1_000
            let wanted = exact[Int(part * Double(count))]
            #expect(abs(found / wanted - 1) < 0.05, "p\(100 * part) is \(wanted) ms, the report says \(found)")
        }
        // How long each waited is the machine's business here.
        #expect(row.counts.jobs == count && row.counts.successGood == count)
    }

    @Test func `counts agree with the ledger of a run with every kind of end`() async throws {
        let queue = try queue()
        let classes = JobClass.allCases
        for number in 0..<200 {
            let jobClass = classes[number % 4]
            try await queue.enqueue("fine", "{}", jobClass)
            try await queue.enqueue("second-try", "{}", jobClass)
            if number.isMultiple(of: 2) { try await queue.enqueue("fatal", "{}", jobClass) }
            if number.isMultiple(of: 3) { try await queue.enqueue("nobody", "{}", jobClass) }
            if number.isMultiple(of: 5) { try await queue.enqueue("fine", "{}", jobClass, expires: 1_500_000_000_000) }
        }
        // One of each class is with a worker that is gone; another took its key meanwhile.
        let lost = Consumer("lost")
        _ = try await queue.open()
        let taken = try await queue.fetch(as: lost, atMost: 40).deliveries.count
        #expect(taken == 40)
        _ = try await queue.pond.redis.send(RedisCommand("ZADD", .text(queue.keys.beats), 1, .text(lost.name)))
        let failed = Mutex<Set<JobID>>([])
        let registrations = [
            JobRegistration(kind: "fine") { _ in },
            JobRegistration(kind: "second-try") { job in
                if failed.withLock({ $0.insert(job.id).inserted }) { throw RetryLater(after: .milliseconds(5), "once") }
            },
            JobRegistration(kind: "fatal") { _ in throw GiveUp("never") },
        ]
        // 40 expire, 100 are fatal, 67 have no handler.
        try await work(queue, registrations) { $0.done == 400 && $0.dead == 167 && $0.ready + $0.inFlight == 0 }
        var ends: [JobClass: SLOCounts] = [:]
        for jobClass in classes { ends[jobClass] = try await row(queue, jobClass).counts }
        let total = ends.values.reduce(SLOCounts(), +)
        #expect(total.jobs == 400 + 40 + 167)
        #expect(total.successGood == 400)
        for (index, jobClass) in classes.enumerated() {
            let numbers = (0..<200).filter { $0 % 4 == index }
            let done = 2 * numbers.count
            let bad =
                numbers.count { $0.isMultiple(of: 2) } + numbers.count { $0.isMultiple(of: 3) }
                + numbers.count { $0.isMultiple(of: 5) }
            #expect(ends[jobClass]?.successGood == done, "class \(jobClass)")
            #expect(ends[jobClass]?.jobs == done + bad, "class \(jobClass)")
        }
    }

    @Test func `a worker judges by what the queue promises`() async throws {
        let queue = try queue()
        var target = ClassTarget.standard(.a)
        (target.wait, target.total) = (.milliseconds(40), .milliseconds(41))
        try await queue.setTarget(target, of: .a, asDefault: true)
        try await queue.enqueue("sleep", "{}")
        // It has waited for too long when the worker begins.
        try await Task.sleep(for: .milliseconds(60))
        try await work(queue, [JobRegistration(kind: "sleep") { _ in }]) { $0.done == 1 }
        let row = try await row(queue, .a)
        #expect(row.counts == SLOCounts(jobs: 1, waitGood: 0, totalGood: 0, successGood: 1))
        #expect(row.missed == [.wait, .total] && row.target == target)
        #expect(row.budgetEnd(.wait) == .zero && row.budgetEnd(.success) == nil)
    }

    @Test func `a queue that stands still is not healthy`() async throws {
        let queue = try queue()
        let stored = try await queue.serviceLevels(over: []).now.milliseconds - 120_000
        _ = try await queue.open()
        for number in 1...3 {
            _ = try await queue.pond.redis.send(
                RedisCommand("XADD", .text(queue.keys.ready(.normal)), .text("\(stored)-\(number)"), "kind", "a.b")
            )
        }
        let report = try await SLOReport.read([queue], window: .seconds(3_600))
        let row = try #require(report.rows.first)
        #expect(report.rows.count == 1 && row.late.least == 3 && row.missed == [.wait])
        #expect(row.attainment(.wait).part == 0 && row.attainment(.total).part == nil)
        #expect(report.missed == [row])
    }

    @Test func `a queue without jobs has no row unless a class is named`() async throws {
        let queue = try queue()
        #expect(try await SLOReport.read([queue], window: .seconds(60)).rows.isEmpty)
        #expect(try await SLOReport.read([queue], jobClass: .c, window: .seconds(60)).rows.count == 1)
        #expect(try await SLOReport.read([], window: .seconds(60)).now == nil)
    }
}

private struct Jobs: JobRegistry {
    var registrations: [JobRegistration]
}

extension Queue {
    fileprivate func enqueue(
        _ kind: String,
        _ data: String,
        _ jobClass: JobClass? = nil,
        expires: Int64? = nil
    ) async throws {
        var options = EnqueueOptions()
        options.jobClass = jobClass
        options.expires = expires.map { ServerTime(milliseconds: $0) }
        _ = try await enqueue(NewJob(kind: try JobKind(kind), data: Array(data.utf8), options: options))
    }
}
