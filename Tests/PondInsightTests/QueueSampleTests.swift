import FoundationEssentials
import Logging
import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondTestKit
import Testing

@Suite(.redis) struct QueueSampleTests {
    private func queue() throws -> Queue {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pond = Pond(try RedisConfiguration(url: RedisServer.current.url), logger: logger)
        return try pond.queue(RedisServer.uniqueName("q"))
    }

    @Test func `a worker is there as long as its own lease says, and it is seen that it has stopped fetching`()
        async throws
    {
        let queue = try queue()
        let about =
            #"{"state":"working","slots":3,"running":0,"lease_ms":60000,"brake":{"cause":"exit_127: no","count":20}}"#
        let worker = Consumer("patient")
        _ = try await queue.beat(as: worker, lease: .seconds(60), about: about)
        // Longer ago than the default lease, and not than its own.
        let ago = try await queue.pond.serverTime().advanced(by: .seconds(-10)).milliseconds
        _ = try await queue.pond.redis.send(
            RedisCommand("ZADD", .text(queue.keys.beats), .integer(ago), .text(worker.name))
        )
        let (status, sample) = try await QueueSample.read(queue)
        #expect(sample.workers.map(\.name) == ["patient"] && sample.workers.first?.slots == 3)
        #expect(sample.brake == "exit_127: no" && status.state == .brake && status.workers == 1)
        let again = try JSONDecoder().decode(QueueSample.self, from: try JSONEncoder().encode(sample))
        #expect(again == sample)
    }

    @Test func `a key of another type is told by its code`() async throws {
        let queue = try queue()
        let key = queue.keys.ready(.high)
        _ = try await queue.pond.redis.send(RedisCommand("SET", .text(key), "x"))
        let depth = try await queue.depth()
        #expect(depth.keyFault?.key == key && depth.keyFault?.code == "WRONGTYPE")
        #expect(try await QueueSample.read(queue).sample.fault == "the key \(key) is of another type")
    }
}
