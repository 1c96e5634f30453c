import PondRedis

extension Queue {
    /// Makes due whatever is held, and promotes a batch of it: for tests, which cannot wait for Redis' clock.
    package func makeHeldDue() async throws(QueueError) {
        // One command, so that nothing that is held meanwhile is lost. A thousandth of any time lies in January 1970; zero would
        // be read as nothing held.
        _ = try await pond.run(
            RedisCommand("ZUNIONSTORE", .text(keys.due), "1", .text(keys.due), "WEIGHTS", "0.001"),
            doing: "making due what \(name) holds"
        )
        _ = try await promote(as: Consumer("test-kit"))
    }
}
