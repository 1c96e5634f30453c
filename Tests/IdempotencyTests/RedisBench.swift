import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import Synchronization

/// Keys in Redis; jobs are appended, fetched and taken over for real, because the store knows of no others.
final class RedisBench: StoreBench {
    var store: any IdempotencyStore { redisStore }
    private let redisStore: RedisIdempotencyStore
    private let pond: Pond
    private let consumers = Mutex<[JobID: Consumer]>([:])
    private let number = Mutex(0)

    private init(_ pond: Pond) {
        self.pond = pond
        redisStore = RedisIdempotencyStore(pond)
    }

    @Sendable static func with(_ body: (any StoreBench) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        // Queues of two tests share a name, so their keys must not share a prefix.
        let prefix = RedisServer.uniqueName("keys")
        let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), prefix: prefix, logger: logger)
        try await body(RedisBench(pond))
        await pond.close()
    }

    func deliver(_ orders: [JobOrder]) async throws -> [KeyedJob] {
        var jobs: [KeyedJob] = []
        for order in orders {
            let queue = try pond.queue(order.queue)
            // Appended, not enqueued by function, which would answer that the key is known.
            let append = RedisCommand(
                "XADD",
                .text(queue.keys.ready(.normal)),
                "*",
                "kind",
                .text(order.kind),
                "data",
                .text(order.data),
                "key",
                .text(order.key)
            )
            _ = try await pond.redis.send(append)
            jobs.append(try await fetch(from: queue))
        }
        return jobs
    }

    func takeOver(_ job: KeyedJob) async throws -> KeyedJob {
        let queue = try pond.queue(job.queue.text)
        let owner = try consumers.withLock { try $0[job.id] ?? { throw NotDelivered(id: job.id) }() }
        let beats = "\(queue.keys.base):beats"
        _ = try await pond.redis.send(RedisCommand("ZADD", .text(beats), 1, .text(owner.name)))
        _ = try await queue.reclaim(from: owner, by: Consumer("warden"))
        return try await fetch(from: queue)
    }

    /// Each delivery goes to a consumer of its own, so that one can be lost and the others not.
    private func fetch(from queue: Queue) async throws -> KeyedJob {
        let consumer = Consumer("worker-\(number.withLock { $0 += 1; return $0 })")
        guard let delivery = try await queue.fetch(as: consumer, atMost: 1).deliveries.first else {
            throw NotDelivered(id: JobID("any"))
        }
        let job = try delivery.job.get()
        redisStore.note(delivery.receipt, of: job, as: consumer)
        consumers.withLock { $0[job.id] = consumer }
        guard let keyed = KeyedJob(job) else { throw NotDelivered(id: job.id) }
        return keyed
    }

    /// Redis' clock is not a test's to move; the windows themselves are tested with the queue.
    func passWindow() async throws -> Bool { false }
    func pass(_ duration: Duration) async throws -> Bool { false }

    struct NotDelivered: Error {
        let id: JobID
    }
}
