package import PondCore
package import PondRedis

// Following what happens without taking part: plain reads that change nothing, of all queues in one command.

extension Pond {
    /// Reads on in several streams.
    ///
    /// - Parameters:
    ///   - places: the streams, each of a type that can be read (`streams(among:)`), or the whole call fails.
    ///   - count: the most entries of each stream.
    ///   - block: how long to wait for an entry when there is none; nil for not at all.
    ///   - reader: a connection that nothing else uses; it is busy meanwhile.
    /// - Returns: a page for each stream that has something new.
    package func read(
        _ places: [StreamPlace],
        count: Int,
        block: Duration?,
        on reader: RedisClient
    ) async throws(QueueError) -> [StreamPage] {
        guard !places.isEmpty else { return [] }
        let keys = places.map { key(of: $0) }
        var arguments: [RedisArgument] = ["COUNT", .integer(Int64(max(1, count)))]
        if let block { arguments += ["BLOCK", .integer(max(1, block.wholeMilliseconds))] }
        arguments.append("STREAMS")
        arguments += keys.map { .text($0) } + places.map { .text($0.after.description) }
        let reply: RESPValue
        do {
            reply = try await reader.send(
                RedisCommand("XREAD", arguments),
                timeout: block.map { $0 + .seconds(5) } ?? .seconds(30)
            )
        } catch {
            throw QueueError(error, doing: "reading journals")
        }
        let placeByKey = Dictionary(zip(keys, places), uniquingKeysWith: { first, _ in first })
        return (reply.array ?? []).compactMap { value in
            guard let pair = value.array, pair.count == 2, let place = pair[0].string.flatMap({ placeByKey[$0] }),
                let entries = pair[1].array
            else { return nil }
            return StreamPage(place, entries)
        }
    }

    /// Those of the places whose keys are streams or not there; one that is something else would fail the whole read.
    package func streams(among places: [StreamPlace]) async throws(QueueError) -> [StreamPlace] {
        let replies = try await pipeline(
            places.map { RedisCommand("TYPE", .text(key(of: $0))) },
            doing: "looking at the types of journals"
        )
        return zip(places, replies).compactMap { place, reply in
            // A user who may not ask is told when it reads.
            guard case .success(let type) = reply else { return place }
            return ["stream", "none"].contains(type.string) ? place : nil
        }
    }

    /// How many events the journals have ever had; a queue that has none, or an older library, is left out.
    package func journalCounts(of queues: [QueueName]) async throws(QueueError) -> [QueueName: Int64] {
        let replies = try await pipeline(
            queues.map { RedisCommand("HGET", .text(Keys(queue: $0, prefix: prefix).meta), "journal_events") },
            doing: "counting the events of journals"
        )
        var counts: [QueueName: Int64] = [:]
        for (queue, reply) in zip(queues, replies) {
            if case .success(let value) = reply { counts[queue] = value.int }
        }
        return counts
    }

    /// The last id that each of the streams has given out, zero for one that is not there; one that cannot be looked at
    /// is left out.
    package func lastIDs(of places: [StreamPlace]) async throws(QueueError) -> [StreamPlace: StreamID] {
        let replies = try await pipeline(
            places.map { RedisCommand("XINFO", "STREAM", .text(key(of: $0))) },
            doing: "looking at the ends of journals"
        )
        var ids: [StreamPlace: StreamID] = [:]
        for (place, reply) in zip(places, replies) {
            switch reply {
            case .success(let value):
                let facts = value.array ?? []
                guard let name = facts.firstIndex(where: { $0.string == "last-generated-id" }),
                    facts.indices.contains(name + 1)
                else { continue }
                ids[place] = facts[name + 1].string.flatMap { StreamID($0) }
            case .failure(let error) where error.message.contains("no such key"): ids[place] = .zero
            case .failure: continue
            }
        }
        return ids
    }

    private func key(of place: StreamPlace) -> String {
        let keys = Keys(queue: place.queue, prefix: prefix)
        return place.stream.ready.map { keys.stream($0) } ?? keys.journal
    }

    /// Sends commands whose error replies each caller judges by itself; a lost connection fails them all.
    private func pipeline(
        _ commands: [RedisCommand],
        doing action: String
    ) async throws(QueueError) -> [Result<RESPValue, RedisError>] {
        guard !commands.isEmpty else { return [] }
        do throws(RedisError) {
            let replies = try await redis.pipeline(commands)
            for case .failure(let error) in replies where error.prefix == nil || error.isPassing { throw error }
            return replies
        } catch {
            throw QueueError(error, doing: action)
        }
    }
}

/// From which end of a journal to read.
package enum JournalOrder: Sendable {
    case oldestFirst, newestFirst
}

extension Queue {
    /// Entries of the journal; what is none is left out.
    ///
    /// - Parameters:
    ///   - from: an entry's id, `(` and one to begin behind it, or the end of that side, `-` or `+`.
    ///   - to: the same for where to end.
    ///   - limit: how many at most.
    ///   - reader: another connection to read on. Defaults to the pond's.
    package func journal(
        _ order: JournalOrder,
        from: String,
        to: String,
        atMost limit: Int,
        on reader: RedisClient? = nil
    ) async throws(QueueError) -> [JournalEntry] {
        let command = Queue.journalCommand(keys, order, from, to, limit)
        do throws(RedisError) {
            return JournalEntry.list(try await (reader ?? pond.redis).send(command))
        } catch {
            throw QueueError(error, doing: "reading the journal of \(name)")
        }
    }

    fileprivate static func journalCommand(
        _ keys: Keys,
        _ order: JournalOrder,
        _ from: String,
        _ to: String,
        _ limit: Int
    ) -> RedisCommand {
        let name = order == .newestFirst ? "XREVRANGE" : "XRANGE"
        return RedisCommand(name, .text(keys.journal), .text(from), .text(to), "COUNT", .number(limit))
    }
}

extension Pond {
    /// The newest entries of some queues' journals, newest first: one round trip, one command a queue.
    ///
    /// - Returns: for each queue its entries, or why they cannot be read.
    package func newestJournal(
        of queues: [Queue],
        atMost limit: Int
    ) async throws(QueueError) -> [Result<[JournalEntry], QueueError>] {
        do throws(RedisError) {
            return try await redis.pipeline(
                queues.map { Queue.journalCommand($0.keys, .newestFirst, "+", "-", limit) }
            ).map { reply in
                reply.map { JournalEntry.list($0) }.mapError { QueueError($0, doing: "reading journals") }
            }
        } catch {
            throw QueueError(error, doing: "reading journals")
        }
    }
}

extension JournalEntry {
    /// Entries of a stream's reply; what is none is left out.
    package static func list(_ reply: RESPValue) -> [JournalEntry] {
        (reply.array ?? []).compactMap { row in
            guard let pair = row.array, pair.count == 2, let id = pair[0].string, let words = pair[1].array else {
                return nil
            }
            // Texts may hold any bytes; what is no UTF-8 is shown as replacement characters.
            return JournalEntry(id: id, flat: words.map { String(decoding: $0.bytes ?? [], as: UTF8.self) })
        }
    }
}

extension RedisError {
    /// Whether the server only says that it will be back.
    fileprivate var isPassing: Bool {
        ["LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN"].contains(prefix ?? "")
    }
}
