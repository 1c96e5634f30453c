import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Keys as a worker keeps them: asked before a job runs, ended with it.
@Suite(.redis)
struct KeyedWorkerTests {
    private func add(_ harness: Harness, key: String, data: String = "{}", count: Int = 1) async throws {
        for _ in 0..<count {
            _ = try await harness.redis.send(
                RedisCommand(
                    "XADD",
                    .text(harness.queue.keys.ready(.normal)),
                    "*",
                    "kind",
                    "job",
                    "data",
                    .text(data),
                    "key",
                    .text(key)
                )
            )
        }
    }

    @Test func `of jobs appended with the same key one runs, and the others end as duplicates`() async throws {
        let harness = try Harness()
        let ran = Record<String>()
        let job = JobRegistration(kind: "job") { ran.add($0.idempotencyKey ?? "none") }
        for number in 0..<20 { try await add(harness, key: "order-\(number)", count: 5) }
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.ready == 0 && $0.inFlight == 0 && $0.held == 0 }
        }
        #expect(ran.all.sorted() == (0..<20).map { "order-\($0)" }.sorted())
        #expect(try await harness.queue.depth().dead == 0)
    }

    @Test func `8 producers with the same 1,000 keys make 1,000 runs, and then each key answers with a checksum`()
        async throws
    {
        // A server of its own, because its calls are counted.
        try await RedisServer.withServer { server in try await runOnce(Harness(server: server)) }
    }

    private func runOnce(_ harness: Harness) async throws {
        let runs = Mutex(0)
        let job = JobRegistration(kind: "job") { job in
            runs.withLock { $0 += 1 }
            try job.leave(result: Array("paid \(job.idempotencyKey ?? "")".utf8))
        }
        let jobs = try (0..<1_000).map { number in
            NewJob(kind: try JobKind("job"), options: try .once("order-\(number)"))
        }
        try await harness.withWorker(JobList { job }, { $0.slots = 50 }) { _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for answer in try await harness.queue.enqueue(jobs.shuffled()) { _ = try answer.get() }
                    }
                }
                try await group.waitForAll()
            }
            try await harness.eventually(within: .seconds(60)) { $0.ready == 0 && $0.inFlight == 0 }
        }
        #expect(runs.withLock { $0 } == 1_000)
        let before = try await calls(harness)
        guard case .duplicate(_, .done, let checksum) = try await harness.queue.enqueue(jobs[7]) else {
            throw NotReached(text: "not a duplicate")
        }
        #expect(try await calls(harness) == before + 1)
        // The first 16 hex digits of the SHA-1 of `paid order-7`.
        #expect(checksum == "53854a3618484cd3")
    }

    private func calls(_ harness: Harness) async throws -> Int {
        let info = try await harness.redis.send(RedisCommand("INFO", "commandstats")).string ?? ""
        let line = info.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_fcall:") } ?? ""
        return Int(line.split(separator: "calls=").dropFirst().first?.prefix { $0.isNumber } ?? "0") ?? 0
    }

    @Test func `keys of jobs that wait are claimed many a call`() async throws {
        // A server of its own, because its calls are counted.
        try await RedisServer.withServer { server in
            let harness = try Harness(server: server)
            let ran = Record<String>()
            let job = JobRegistration(kind: "job") { ran.add($0.idempotencyKey ?? "none") }
            for number in 0..<1_000 { try await add(harness, key: "order-\(number)") }
            let before = try await calls(harness)
            try await harness.withWorker(JobList { job }, { $0.prefetch = 500 }) { _ in
                try await harness.eventually { $0.done == 1_000 }
            }
            #expect(Set(ran.all).count == 1_000 && ran.all.count == 1_000)
            #expect(try await calls(harness) - before < 300)
        }
    }

    @Test func `a claim that grew old while its job waited is made again, and a job that was taken away does not run`()
        async throws
    {
        let harness = try Harness()
        let (started, gate) = (Event(), Event())
        let ran = Record<String>()
        let job = JobRegistration(kind: "job") { job in
            started.fire()
            ran.add(job.idempotencyKey ?? "none")
            try await gate.wait()
        }
        for number in 0..<2 { try await add(harness, key: "order-\(number)") }
        let lease = Duration.milliseconds(1_600)
        let change = { @Sendable (configuration: inout WorkerConfiguration) in
            configuration.slots = 1
            configuration.prefetch = 1
            configuration.lease = lease
            configuration.beatInterval = .milliseconds(100)
        }
        try await harness.withWorker(JobList { job }, change) { _ in
            try await started.wait()
            try await harness.eventually { $0.inFlight == 2 }
            // Its key has been claimed when a moment has passed; nothing tells of it.
            try await Task.sleep(for: .milliseconds(50))
            let stream = RedisArgument.text(harness.queue.keys.ready(.normal))
            let waiting = try #require(
                try await harness.redis.send(RedisCommand("XRANGE", stream, "-", "+")).array?.last?.array?.first?.string
            )
            // An owner that beats, so that nobody takes the job over again.
            let now = try await harness.redis.send(RedisCommand("TIME")).array?.first?.int ?? 0
            let beats = RedisArgument.text(harness.queue.keys.beats)
            _ = try await harness.redis.send(RedisCommand("ZADD", beats, .integer((now + 60) * 1_000), "bob"))
            _ = try await harness.redis.send(RedisCommand("XCLAIM", stream, "mp", "bob", "0", .text(waiting)))
            // A claim grows old by time alone.
            try await Task.sleep(for: lease / 2)
            gate.fire()
            try await harness.eventually { $0.done == 1 }
            // The slot asks for the second one after it has ended the first.
            try await Task.sleep(for: lease / 4)
        }
        #expect(ran.all == ["order-0"])
    }

    @Test func `the same key with another payload is dead as a mismatch, and names the job that has it`() async throws {
        let harness = try Harness()
        let gate = Event()
        let job = JobRegistration(kind: "job") { _ in try await gate.wait() }
        try await add(harness, key: "order-1")
        try await harness.withWorker(JobList { job }, { $0.slots = 2 }) { _ in
            try await harness.eventually { $0.inFlight == 1 }
            try await add(harness, key: "order-1", data: "[]")
            try await harness.eventually { $0.dead == 1 }
            gate.fire()
            try await harness.eventually { $0.done == 1 }
        }
        let dead = try #require(try await harness.queue.dead().first)
        #expect(dead.cause == "key_mismatch")
        #expect(dead.error.hasPrefix("key \"order-1\" belongs to job "))
    }

    @Test func `a failed try keeps the key, and the next one has it`() async throws {
        let harness = try Harness()
        let attempts = Record<Int>()
        let rest = Backoff(base: .milliseconds(1), cap: .milliseconds(1), jitter: 0)
        let job = JobRegistration(kind: "job") { job in
            attempts.add(job.attempt)
            if job.attempt < 3 { throw RetryLater(after: .milliseconds(1)) }
        }.retrying(times: 5, backoff: rest)
        try await add(harness, key: "order-1")
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.done == 1 }
        }
        #expect(attempts.all == [1, 2, 3])
        #expect(try await harness.queue.record(of: try IdempotencyKey("order-1"))?.state == .done)
    }

    @Test func `a worker waits while the store of keys does not answer, and runs nothing meanwhile`() async throws {
        let harness = try Harness()
        let store = FlakyStore()
        let ran = Event()
        let job = JobRegistration(kind: "job") { _ in ran.fire() }
        try await add(harness, key: "order-1")
        try await harness.withWorker(JobList { job }, { $0.keyStore = store }) { _ in
            try await store.asked.wait(for: 3)
            #expect(ran.fired == 0)
            store.isBroken.withLock { $0 = false }
            try await harness.eventually { $0.done == 1 }
            #expect(ran.fired == 1)
            #expect(store.ended.all == [.done(nil)])
            // Redis remembers no key of a queue that another store remembers for.
            #expect(try await harness.queue.record(of: try IdempotencyKey("order-1")) == nil)
        }
    }

    /// A store that fails until it is mended; then every key is free.
    private final class FlakyStore: IdempotencyStore {
        let asked = Event()
        let isBroken = Mutex(true)
        let ended = Record<KeyEnding>()

        func claim(_ job: KeyedJob) async throws -> KeyClaim {
            asked.fire()
            if isBroken.withLock({ $0 }) { throw NotReached(text: "disk full") }
            return .claimed
        }

        func end(_ job: KeyedJob, as ending: KeyEnding) async throws -> Bool {
            ended.add(ending)
            return true
        }

        func record(of key: IdempotencyKey, in queue: QueueName) async throws -> KeyRecord? { nil }
    }

    @Test func `a window shorter than the longest retries is refused at the start, with the sum`() throws {
        let harness = try Harness()
        let slow = JobRegistration(kind: "slow") { _ in }.timeout(.seconds(600)).retrying(
            times: 6,
            backoff: Backoff(base: .seconds(10), cap: .seconds(40), jitter: 0.5)
        )
        let error = #expect(throws: PondError.self) {
            try Worker(
                harness.pond,
                jobs: JobList { slow },
                configuration: harness.configuration { $0.keyWindow = .seconds(3_600) }
            )
        }
        // 6 · 600 s, then 15 + 30 + 60 + 60 + 60 s of rest, and a lease.
        #expect(
            error?.message
                == "keyWindow is 1h00m, but a job of kind slow may be retried for 1h03m: 6 tries of 10m00s, the rests "
                + "between them, and a lease of 4s; give a longer window (--key-window), or fewer or shorter tries"
        )
        _ = try Worker(
            harness.pond,
            jobs: JobList { slow },
            configuration: harness.configuration { $0.keyWindow = .seconds(3_900) }
        )
    }

    @Test(arguments: [Duration.seconds(3_599), .seconds(2_592_001), .zero]) func `a window has an hour to 30 days`(
        window: Duration
    ) throws {
        let harness = try Harness()
        let job = JobRegistration(kind: "job") { _ in }
        let error = #expect(throws: PondError.self) {
            try Worker(
                harness.pond,
                jobs: JobList { job },
                configuration: harness.configuration { $0.keyWindow = window }
            )
        }
        #expect(error?.message.contains("allowed is an hour to 30 days") == true)
    }
}
