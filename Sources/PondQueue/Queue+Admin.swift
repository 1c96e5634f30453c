import PondCore
import PondRedis

/// Places that a purge empties.
package enum PurgePlace: String, Sendable, CaseIterable {
    /// Runnable jobs that no worker has.
    case ready
    /// Scheduled and retrying jobs.
    case held
}

/// What keeps a queue from being deleted, or that nothing did.
package enum DeleteAnswer: String, Sendable, CaseIterable {
    /// It is gone.
    case deleted
    /// It holds jobs there.
    case ready, inFlight = "in_flight", held, dead, waiting, limited
    /// Workers serve it.
    case workers
}

extension Queue {
    /// How many jobs one call purges at most; Redis does nothing else meanwhile.
    package static let purgeBatchMax = 256

    /// The most jobs that may wait, run and be held, for producers that ask; nil when there is no limit.
    package func depthMax() async throws(QueueError) -> Int? {
        let reply = try await pond.run(RedisCommand("HGET", .text(keys.meta), "max_depth"), doing: "reading \(name)")
        return reply.string.flatMap { Int($0) }
    }

    /// Sets how many jobs may wait, run and be held; one more is refused.
    ///
    /// - Parameter limit: nil for no limit.
    package func setDepthMax(_ limit: Int?) async throws(QueueError) {
        let command =
            limit.map { RedisCommand("HSET", [.text(keys.meta), "max_depth", .integer(Int64($0))]) }
            ?? RedisCommand("HDEL", [.text(keys.meta), "max_depth"])
        _ = try await pond.run(command, doing: "setting the limit of \(name)")
    }

    /// How many recoveries within a day make a job dead as `poison`; nil when nobody has said, which is
    /// `Limits.recoveriesMax`.
    package func recoveriesMax() async throws(QueueError) -> Int? {
        let command = RedisCommand("HGET", .text(keys.meta), "recoveries_max")
        return try await pond.run(command, doing: "reading \(name)").string.flatMap { Int($0) }
    }

    /// Sets how many recoveries within a day make a job dead.
    ///
    /// - Parameter limit: nil for `Limits.recoveriesMax`.
    package func setRecoveriesMax(_ limit: Int?) async throws(QueueError) {
        let command =
            limit.map { RedisCommand("HSET", [.text(keys.meta), "recoveries_max", .integer(Int64($0))]) }
            ?? RedisCommand("HDEL", [.text(keys.meta), "recoveries_max"])
        _ = try await pond.run(command, doing: "setting the recoveries of \(name)")
    }

    /// Whether somebody has said that its dead may be thrown away when there are too many.
    package func dropsDead() async throws(QueueError) -> Bool {
        let command = RedisCommand("HGET", .text(keys.meta), "dead_overflow")
        return try await pond.run(command, doing: "reading \(name)").string == "drop"
    }

    /// Cancels jobs of a place, at most ``purgeBatchMax``; their keys are free then.
    ///
    /// - Returns: how many, and whether there may be more.
    package func purge(_ place: PurgePlace) async throws(QueueError) -> (count: Int, hasMore: Bool) {
        let arguments: [RedisArgument] = [.text(place.rawValue), .integer(Int64(Queue.purgeBatchMax))]
        var reader = try ReplyReader("pond_purge", try await pond.call("pond_purge", keys, arguments))
        return (Int(try reader.number()), try reader.number() == 1)
    }

    /// Deletes the queue, when it holds no job and no worker serves it, with all it remembers.
    package func delete() async throws(QueueError) -> DeleteAnswer {
        // First of all the name: a producer that comes meanwhile makes it known again, after its job or before the answer.
        let known = Keys.queues(prefix: pond.prefix)
        _ = try await pond.run(RedisCommand("SREM", .text(known), .text(name.text)), doing: "forgetting queue \(name)")
        let reply = try await pond.call("pond_delete", keys)
        guard let answer = reply.string.flatMap({ DeleteAnswer(rawValue: $0) }) else {
            throw QueueError(.unexpectedReply, "pond_delete answered \(reply)")
        }
        if answer != .deleted { try await register() }
        return answer
    }
}
