package import PondCore
package import PondQueue
package import PondRedis

/// A queue with a name that no other has, for as long as a measurement takes.
package struct BenchQueue: Sendable {
    /// The queue.
    package let queue: Queue

    /// Makes a name on a server; nothing is written yet.
    package init(on pond: Pond) throws(PondError) {
        let name = "bench-" + String(UInt64.random(in: .min ... .max), radix: 36)
        queue = try pond.queue(name)
    }

    /// Removes every key of the queue, and its name from the list of queues.
    ///
    /// - Throws: `RedisError`, when the server does not answer: then `pond status` still shows the queue.
    package func remove() async throws(RedisError) {
        let base = queue.keys.base
        let keys = BenchQueue.suffixes.map { RedisArgument.text(base + $0) }
        let replies = try await queue.pond.redis.pipeline([
            RedisCommand("UNLINK", keys),
            RedisCommand("SREM", .text(Keys.queues(prefix: queue.pond.prefix)), .text(queue.name.text)),
        ])
        for reply in replies { _ = try reply.get() }
    }

    /// What follows the queue in the names of its keys, as in the library's `keys_of`; a test compares them.
    package static let suffixes =
        ReadyStream.allCases.map(\.suffix) + [
            ":held", ":due", ":dead", ":dead:at", ":causes", ":groups", ":groups:empty", ":audit", ":beats", ":workers",
            ":load", ":meta", ":journal",
            ":moved",
            ":started", ":spent", ":cancel", ":bell", ":keys:live", ":keys", ":results",
        ]
}
