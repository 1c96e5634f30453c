package import PondCore
package import PondRedis

/// The server behind a pond, for whoever looks after it: what it says of itself and of keys by their names.
///
/// Questions that change nothing, asked once: a server that cannot answer just now is a finding, nothing to wait for.
package struct PondServer: Sendable {
    let redis: RedisClient

    /// Whether it answers at all.
    package func ping() async throws(RedisError) {
        _ = try await redis.send("PING")
    }

    /// Why it takes no writes just now, as with a full disk; nil when it takes them, or does not say.
    ///
    /// A server that cannot write its data to disk refuses writes, and PING with them; reads go on.
    package func writeRefusal() async throws(RedisError) -> String? {
        do throws(RedisError) {
            try await ping()
            return nil
        } catch {
            // What never reached the server, or was never answered, is no refusal.
            guard error.prefix != nil else { throw error }
            return Self.writeRefusal(error)
        }
    }

    /// What an answer says of writes, in one sentence without its full stop; nil when it is about something else.
    package static func writeRefusal(_ error: RedisError) -> String? {
        guard error.prefix == "MISCONF" else { return nil }
        let words = error.message.hasPrefix("MISCONF ") ? error.message.dropFirst("MISCONF ".count) : error.message[...]
        guard let end = words.firstRange(of: ". ") else { return String(words) }
        return String(words[..<end.lowerBound])
    }

    /// Its clock.
    package func time() async throws(RedisError) -> ServerTime {
        try Self.time(try await redis.send("TIME"))
    }

    static func time(_ reply: RESPValue) throws(RedisError) -> ServerTime {
        guard let parts = reply.array, parts.count == 2, let seconds = parts[0].int, let micros = parts[1].int else {
            throw RedisError(.protocolViolation, "TIME answered \(reply)")
        }
        return ServerTime(milliseconds: seconds * 1_000 + micros / 1_000)
    }

    /// What it says of itself, `name:value` a line.
    ///
    /// - Parameter section: only this part; all of the usual ones when it is nil.
    package func info(_ section: String? = nil) async throws(RedisError) -> String {
        let words = section.map { [RedisArgument.text($0)] } ?? []
        return try await redis.send(RedisCommand("INFO", words)).string ?? ""
    }

    /// What it says of its cluster, `name:value` a line.
    package func clusterInfo() async throws(RedisError) -> String {
        try await redis.send(RedisCommand("CLUSTER", "INFO")).string ?? ""
    }

    /// The value of one of its settings; nil when it does not know it.
    package func setting(_ name: String) async throws(RedisError) -> String? {
        try await redis.send(RedisCommand("CONFIG", "GET", .text(name))).array?.last?.string
    }

    /// Who it takes this program for.
    package func user() async throws(RedisError) -> String {
        try await redis.send(RedisCommand("ACL", "WHOAMI")).string ?? "default"
    }

    /// The type of each key, `none` for one that is not there.
    package func types(of keys: [String]) async throws(RedisError) -> [Result<String, RedisError>] {
        try await redis.pipeline(keys.map { RedisCommand("TYPE", .text($0)) }).map { reply in
            reply.map { $0.string ?? "none" }
        }
    }

    /// How many bytes each key takes; nil for one that is not there.
    package func bytes(of keys: [String]) async throws(RedisError) -> [Int?] {
        var sizes: [Int?] = []
        for reply in try await redis.pipeline(keys.map { RedisCommand("MEMORY", "USAGE", .text($0)) }) {
            sizes.append(try reply.get().int.map { Int($0) })
        }
        return sizes
    }

    /// How many entries each stream has; nil for what is none.
    package func lengths(ofStreams keys: [String]) async throws(RedisError) -> [Int?] {
        try await redis.pipeline(keys.map { RedisCommand("XLEN", .text($0)) }).map { reply in
            guard case .success(let value) = reply else { return nil }
            return value.int.map { Int($0) }
        }
    }

    /// Walks through all keys, a bounded way, for streams whose names fit a pattern.
    ///
    /// - Parameters:
    ///   - rounds: how far it goes.
    ///   - keysARound: how many keys it looks at in each.
    /// - Returns: the keys, and whether there were more to look at.
    package func streams(
        named pattern: String,
        rounds: Int,
        keysARound: Int
    ) async throws(RedisError) -> (keys: Set<String>, isCut: Bool) {
        var (keys, cursor) = (Set<String>(), "0")
        for _ in 0..<rounds {
            let words: [RedisArgument] = [
                .text(cursor), "MATCH", .text(pattern), "COUNT", .integer(Int64(keysARound)), "TYPE", "stream",
            ]
            let parts = try await redis.send(RedisCommand("SCAN", words)).array ?? []
            guard parts.count == 2, let next = parts[0].string else { break }
            keys.formUnion((parts[1].array ?? []).compactMap(\.string))
            cursor = next
            if cursor == "0" { return (keys, false) }
        }
        return (keys, true)
    }

    /// Ends what a connection waits for, from this one.
    package func unblock(_ connection: Int64, within limit: Duration) async throws(RedisError) {
        _ = try await redis.send(RedisCommand("CLIENT", "UNBLOCK", .integer(connection)), timeout: limit)
    }
}

extension RedisClient {
    fileprivate func send(_ name: String) async throws(RedisError) -> RESPValue { try await send(RedisCommand(name)) }
}

extension Pond {
    /// The server itself.
    package var server: PondServer { PondServer(redis: redis) }

    /// The server's clock, now.
    package func serverTime() async throws(QueueError) -> ServerTime {
        let reply = try await run(RedisCommand("TIME"), doing: "reading the server's clock")
        do throws(RedisError) { return try PondServer.time(reply) } catch {
            throw QueueError(.unexpectedReply, error.message)
        }
    }

    /// Whether the server takes no writes because it follows another; false when this user may not ask.
    package func isReplica() async throws(QueueError) -> Bool {
        do throws(QueueError) {
            let reply = try await run(RedisCommand("INFO", "replication"), doing: "asking for the server's role")
            return reply.string?.contains("role:slave") ?? false
        } catch  where error.redis?.prefix == "NOPERM" {
            // A user that may not ask is told by its first write.
            return false
        }
    }

    /// What is listed as a queue, whether it is a queue's name or not.
    package func listedQueues() async throws(QueueError) -> Set<String> {
        let reply = try await run(RedisCommand("SMEMBERS", .text(Keys.queues(prefix: prefix))), doing: "listing queues")
        return Set((reply.array ?? []).compactMap(\.string))
    }
}
