import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Synchronization
import Testing

@Suite(.redis)
struct LastChanceTests {
    @Test func `jobs that the next death would end run one at a time, and others beside them`() async throws {
        let harness = try Harness()
        for _ in 0..<4 { try await harness.enqueue("suspect") }
        for _ in 0..<2 { #expect(try await harness.loseWorker(harness.startDoomedWorker()) == 4) }
        let running = Mutex((now: 0, most: 0, others: 0))
        let suspect = JobRegistration(kind: "suspect") { _ in
            running.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            // It is there until another job was seen beside it; then all four together would be seen, too.
            _ = try await Waiting.until(within: .seconds(10)) { running.withLock { $0.others > 0 } }
            try await Waiting.work(for: .milliseconds(20))
            running.withLock { $0.now -= 1 }
        }
        let other = JobRegistration(kind: "other") { _ in
            _ = try await Waiting.until(within: .seconds(10)) { running.withLock { $0.now > 0 } }
            running.withLock { if $0.now > 0 { $0.others += 1 } }
        }
        try await harness.withWorker(
            JobList {
                suspect; other
            }
        ) { _ in
            for _ in 0..<10 { try await harness.enqueue("other") }
            try await harness.eventually { $0.done == 14 }
        }
        #expect(running.withLock { $0.most } == 1)
        #expect(running.withLock { $0.others } > 0)
    }

    @Test func `which death is the last is the queue's setting`() async throws {
        let harness = try Harness()
        try await harness.queue.setRecoveriesMax(2)
        for _ in 0..<3 { try await harness.enqueue("suspect") }
        #expect(try await harness.loseWorker(harness.startDoomedWorker()) == 3)
        let running = Mutex((now: 0, most: 0))
        let suspect = JobRegistration(kind: "suspect") { _ in
            running.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            // Three that ran at once would meet here.
            _ = try await Waiting.until(within: .milliseconds(50)) { running.withLock { $0.now > 1 } }
            running.withLock { $0.now -= 1 }
        }
        try await harness.withWorker(JobList { suspect }) { _ in try await harness.eventually { $0.done == 3 } }
        #expect(running.withLock { $0.most } == 1)
    }

    @Test func `who has no turn here goes to a worker that has one, also when others wait`() async throws {
        let harness = try Harness()
        for _ in 0..<6 { try await harness.enqueue("short") }
        try await harness.loseWorker(harness.startDoomedWorker())
        let doomed = try await harness.startDoomedWorker()
        try await harness.enqueue("long")
        for _ in 0..<2 { try await harness.loseWorker(harness.startDoomedWorker()) }
        let (began, mayEnd, ran) = (Event(), Event(), Event())
        let jobs = JobList {
            JobRegistration(kind: "long") { _ in
                began.fire()
                try await mayEnd.wait()
            }
            JobRegistration(kind: "short") { _ in ran.fire() }
            JobRegistration(kind: "other") { _ in try await Waiting.work(for: .milliseconds(5)) }
        }
        _ = try await harness.queue.beat(as: doomed, about: "{}")
        try await harness.withWorker(jobs) { _ in
            try await began.wait()
            try await harness.withWorker(jobs) { _ in
                for _ in 0..<200 { try await harness.enqueue("other") }
                try await harness.loseWorker(doomed)
                try await ran.wait(for: 6, within: .seconds(1))
            }
            mayEnd.fire()
        }
    }

    @Test func `who has a turn nowhere waits without a slot, and comes back a few times a second`() async throws {
        let harness = try Harness()
        try await harness.enqueue("long")
        for _ in 0..<3 { try await harness.enqueue("short") }
        for _ in 0..<2 { try await harness.loseWorker(harness.startDoomedWorker()) }
        let (began, mayEnd, others) = (Event(), Event(), Event())
        let fences = Record<Int64>()
        let jobs = JobList {
            JobRegistration(kind: "long") { _ in
                began.fire()
                try await mayEnd.wait()
            }
            JobRegistration(kind: "short") { fences.add($0.fence) }
            JobRegistration(kind: "other") { _ in others.fire() }
        }
        let change: (inout WorkerConfiguration) -> Void = { ($0.slots, $0.prefetch) = (2, 0) }
        try await harness.withWorker(jobs, change) { _ in
            try await began.wait()
            for _ in 0..<5 { try await harness.enqueue("other") }
            try await others.wait(for: 5, within: .seconds(1))
            // How often it comes back shows in time only.
            try await Task.sleep(for: .seconds(1))
            mayEnd.fire()
            try await harness.eventually { $0.done == 9 }
        }
        #expect(fences.all.count == 3)
        #expect(fences.all.allSatisfy { $0 < 40 }, "each move of a job raises its fence: \(fences.all)")
    }
}

extension Harness {
    /// A worker that has begun all that is ready, and will not live.
    fileprivate func startDoomedWorker() async throws -> Consumer {
        let doomed = Consumer("doomed-\(UInt32.random(in: 0 ... .max))")
        _ = try await queue.beat(as: doomed, about: "{}")
        for delivery in try await queue.fetch(as: doomed, atMost: 10).deliveries {
            _ = try await queue.claim(delivery.receipt, as: doomed)
        }
        return doomed
    }

    /// Lets a worker be dead for long, and takes over from it.
    ///
    /// - Returns: how many jobs are ready again.
    @discardableResult
    fileprivate func loseWorker(_ doomed: Consumer) async throws -> Int {
        _ = try await redis.send(RedisCommand("ZADD", .text("\(queue.keys.base):beats"), 1, .text(doomed.name)))
        return try await queue.reclaim(from: doomed, by: Consumer("warden")).moved
    }
}
