package import PondCore
import PondRedis

// What a queue's streams and consumers look like from outside, for the doctor and for measurements.

extension Queue {
    /// When each consumer's heartbeat came last.
    package func beats() async throws(QueueError) -> [String: ServerTime] {
        let reply = try await pond.run(
            RedisCommand("ZRANGE", .text(keys.beats), 0, -1, "WITHSCORES"),
            doing: "listing heartbeats of \(name)"
        )
        return Queue.pairs(reply).compactMapValues { $0.int.map { ServerTime(milliseconds: $0) } }
    }

    /// The consumers of a stream's group, and how many jobs each has; none when there is no such stream or group.
    package func consumers(of stream: ReadyStream) async throws(QueueError) -> [(name: String, pending: Int)] {
        let command = RedisCommand("XINFO", "CONSUMERS", .text(keys.stream(stream)), "mp")
        return (try await ifThere(command)?.array ?? []).map { consumer in
            let facts = Queue.pairs(consumer)
            return (facts["name"]?.string ?? "?", Int(facts["pending"]?.int ?? 0))
        }
    }

    /// The last id that a stream gave out; nil when there is no such stream.
    package func lastID(of stream: ReadyStream) async throws(QueueError) -> String? {
        guard let reply = try await ifThere(RedisCommand("XINFO", "STREAM", .text(keys.stream(stream)))) else {
            return nil
        }
        return Queue.pairs(reply)["last-generated-id"]?.string ?? ""
    }

    /// How many entries a stream has: jobs that wait there, and those of it that are in flight.
    package func length(of stream: ReadyStream) async throws(QueueError) -> Int {
        let reply = try await pond.run(RedisCommand("XLEN", .text(keys.stream(stream))), doing: "measuring \(name)")
        return Int(reply.int ?? 0)
    }

    /// The entries of a stream that some consumer has, and for how long, in ms; with Redis' clock.
    package func delivered(
        from stream: ReadyStream,
        atMost limit: Int
    ) async throws(QueueError) -> (now: ServerTime, entries: [(entry: StreamID, idle: Int64)]) {
        do throws(RedisError) {
            let replies = try await pond.redis.pipeline([
                RedisCommand("TIME"),
                RedisCommand("XPENDING", .text(keys.stream(stream)), "mp", "-", "+", .number(limit)),
            ])
            return (
                try PondServer.time(try replies[0].get()),
                (try replies[1].get().array ?? []).compactMap { row in
                    guard let fields = row.array, fields.count > 2, let idle = fields[2].int,
                        let entry = fields[0].string.flatMap({ StreamID($0) })
                    else { return nil }
                    return (entry, idle)
                }
            )
        } catch {
            throw QueueError(error, doing: "looking at what \(name) delivered")
        }
    }

    /// The values that the newest entries of a stream have in a field.
    package func values(
        of field: String,
        in stream: ReadyStream,
        atMost limit: Int
    ) async throws(QueueError) -> Set<String> {
        let command = RedisCommand("XREVRANGE", .text(keys.stream(stream)), "+", "-", "COUNT", .number(limit))
        var values: Set<String> = []
        for entry in try await ifThere(command)?.array ?? [] {
            guard let fields = entry.array?.last else { continue }
            if let value = Queue.pairs(fields)[field]?.string { values.insert(value) }
        }
        return values
    }

    /// Removes every key of the queue, whatever it holds, and its name from the list of queues.
    package func erase() async throws(QueueError) {
        let words = Queue.suffixes.map { RedisArgument.text(keys.base + $0) }
        _ = try await pond.run(RedisCommand("UNLINK", words), doing: "removing queue \(name)")
        let known = Keys.queues(prefix: pond.prefix)
        _ = try await pond.run(RedisCommand("SREM", .text(known), .text(name.text)), doing: "forgetting queue \(name)")
    }

    /// What follows the queue in the names of its keys, as in the library's `keys_of`; a test compares them.
    package static let suffixes =
        ReadyStream.allCases.map(\.suffix) + [
            ":held", ":due", ":dead", ":dead:at", ":causes", ":groups", ":groups:empty", ":audit", ":beats", ":workers",
            ":load", ":meta", ":journal",
            ":moved",
            ":started", ":spent", ":cancel", ":bell", ":keys:live", ":keys", ":results",
            ":waiting", ":waits", ":sagas", ":limited", ":blocked", ":granted", ":needs",
        ]

    /// The reply, nil when there is no such stream or group.
    private func ifThere(_ command: RedisCommand) async throws(QueueError) -> RESPValue? {
        do throws(QueueError) {
            return try await pond.run(command, doing: "looking at the streams of \(name)")
        } catch {
            let isMissing = error.redis?.message.contains("no such key") == true || error.redis?.prefix == "NOGROUP"
            if isMissing { return nil }
            throw error
        }
    }

    /// A name and its value, alternating, as many replies have them.
    private static func pairs(_ reply: RESPValue) -> [String: RESPValue] {
        let flat = reply.array ?? []
        var pairs: [String: RESPValue] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            if let name = flat[index].string { pairs[name] = flat[index + 1] }
        }
        return pairs
    }
}

extension Pond {
    /// What some workers of some queues said of themselves at their last heartbeat, as JSON: one round trip, one command a
    /// queue.
    ///
    /// - Returns: for each queue one text a name, in order; nil for a worker that is not there.
    package func abouts(
        of workers: [(queue: Queue, names: [String])]
    ) async throws(QueueError) -> [[String?]] {
        do throws(RedisError) {
            let replies = try await redis.pipeline(
                workers.map { RedisCommand("HMGET", [.text($0.queue.keys.workers)] + $0.names.map { .text($0) }) }
            )
            var abouts: [[String?]] = []
            for reply in replies { abouts.append((try reply.get().array ?? []).map(\.string)) }
            return abouts
        } catch {
            throw QueueError(error, doing: "asking what workers do")
        }
    }
}
