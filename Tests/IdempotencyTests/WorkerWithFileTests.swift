import Logging
import PondCore
import PondQueue
import PondRedis
import PondSQLite
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// A worker whose keys are remembered in a file: the file hears of every end, or is put right at the next claim.
@Suite(.redis) struct WorkerWithFileTests {
    private struct Stand: Sendable {
        let queue: Queue
        let keys: SQLiteIdempotencyStore

        func append(_ key: String, _ data: String = "{}", _ more: String...) async throws {
            let words = ["kind", "job", "data", data, "key", key] + more
            let command = RedisCommand("XADD", [.text(queue.keys.ready(.normal)), "*"] + words.map { .text($0) })
            _ = try await queue.pond.redis.send(command)
        }

        func eventually(_ holds: (Depth) -> Bool) async throws {
            var depth = try await queue.depth()
            let isReached = try await Waiting.until(within: .seconds(20)) {
                depth = try await queue.depth()
                return holds(depth)
            }
            if !isReached { throw NotReached(text: "\(depth)") }
        }

        /// Runs a worker beside `body`, then drains it.
        func work(_ job: JobRegistration, _ body: () async throws -> Void) async throws {
            var configuration = WorkerConfiguration(queues: [queue.name.text])
            configuration.keyStore = keys
            let worker = try Worker(queue.pond, jobs: JobList { job }, configuration: configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                try await body()
                worker.drain()
                try await group.waitForAll()
            }
        }
    }

    private struct NotReached: Error {
        let text: String
    }

    private func withStand(_ body: (Stand) async throws -> Void) async throws {
        try await withFolder { folder in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), logger: logger)
            let file = SQLiteStore(path: "\(folder)/keys.sqlite", schema: SQLiteIdempotencyStore.schema)
            try await body(
                Stand(queue: try pond.queue(RedisServer.uniqueName()), keys: try SQLiteIdempotencyStore(file))
            )
            try await file.close()
            await pond.close()
        }
    }

    @Test func `of the jobs with a key one runs, also after Redis has forgotten it`() async throws {
        try await withStand { stand async throws in
            let runs = Mutex(0)
            let job = JobRegistration(kind: "job") { _ in runs.withLock { $0 += 1 } }
            try await stand.work(job) {
                try await stand.append("order-1")
                try await stand.eventually { $0.done == 1 }
                try await stand.append("order-1")
                try await stand.append("order-2")
                try await stand.eventually { $0.done == 2 && $0.ready + $0.inFlight == 0 }
            }
            #expect(runs.withLock { $0 } == 2)
        }
    }

    @Test func `another payload under a used key is dead, and does not circle`() async throws {
        try await withStand { stand async throws in
            try await stand.work(JobRegistration(kind: "job") { _ in }) {
                try await stand.append("order-1", "1")
                try await stand.eventually { $0.done == 1 }
                try await stand.append("order-1", "2")
                try await stand.eventually { $0.dead == 1 && $0.inFlight == 0 }
            }
            #expect(try await stand.queue.dead().map(\.cause) == ["key_mismatch"])
        }
    }

    @Test func `a job that was done when its worker died is settled, not run again`() async throws {
        try await withStand { stand async throws in
            try await stand.append("order-1")
            let lost = Consumer("lost")
            _ = try await stand.queue.open()
            let delivery = try #require(try await stand.queue.fetch(as: lost, atMost: 1).deliveries.first)
            let keyed = try #require(KeyedJob(try delivery.job.get()))
            #expect(try await stand.keys.claim(keyed) == .claimed)
            #expect(try await stand.keys.end(keyed, as: .done(nil)))
            let beats = RedisArgument.text("\(stand.queue.keys.base):beats")
            _ = try await stand.queue.pond.redis.send(RedisCommand("ZADD", beats, 1, "lost"))
            _ = try await stand.queue.reclaim(from: lost, by: Consumer("warden"))
            let runs = Mutex(0)
            try await stand.work(JobRegistration(kind: "job") { _ in runs.withLock { $0 += 1 } }) {
                try await stand.eventually { $0.done == 1 && $0.inFlight == 0 }
            }
            #expect(runs.withLock { $0 } == 0)
        }
    }

    @Test func `a budget that is used up before the start is the cause of death here too`() async throws {
        try await withStand { stand async throws in
            try await stand.work(JobRegistration(kind: "job") { _ in }) {
                try await stand.append("order-1", "{}", "budget_usd_micros", "5", "spent_usd_micros", "5")
                try await stand.eventually { $0.dead == 1 && $0.inFlight == 0 }
            }
            #expect(try await stand.queue.dead().map(\.cause) == ["budget_exhausted:usd"])
        }
    }

    @Test func `a job that is cancelled while it waits for its next try frees its key`() async throws {
        try await withStand { stand async throws in
            let runs = Mutex(0)
            let job = JobRegistration(kind: "job") { _ in
                let isFirst = runs.withLock { runs in
                    runs += 1
                    return runs == 1
                }
                if isFirst { throw RetryLater(after: .seconds(600)) }
            }
            try await stand.work(job) {
                try await stand.append("order-1")
                try await stand.eventually { $0.held == 1 }
                let key = try IdempotencyKey("order-1")
                let holder = try #require(try await stand.queue.record(of: key))
                #expect(try await stand.queue.cancel(holder.id) == .cancelled)
                try await stand.append("order-1")
                try await stand.eventually { $0.done == 1 }
            }
            #expect(runs.withLock { $0 } == 2)
        }
    }

    @Test func `the Redis store is what a worker has anyway`() async throws {
        try await withStand { stand async throws in
            var configuration = WorkerConfiguration(queues: [stand.queue.name.text])
            configuration.keyStore = RedisIdempotencyStore(stand.queue.pond)
            let job = JobRegistration(kind: "job") { _ in }
            let worker = try Worker(stand.queue.pond, jobs: JobList { job }, configuration: configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                try await stand.append("order-1")
                try await stand.eventually { $0.done == 1 }
                #expect(try await stand.queue.record(of: try IdempotencyKey("order-1"))?.state == .done)
                worker.drain()
                try await group.waitForAll()
            }
        }
    }
}
