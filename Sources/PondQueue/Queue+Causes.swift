public import PondCore
import PondRedis

/// The dead of one cause, summed up.
package struct DeadCause: Sendable, Hashable {
    /// The cause's name, as in `attempts_exhausted`.
    package let name: String
    /// How many dead jobs have it.
    package let count: Int
    /// When the first of them died.
    package let first: ServerTime
    /// When the last of them died.
    package let last: ServerTime
    /// The last one's id.
    package let lastID: JobID
    /// The last one's error, at most 1 KiB of it.
    package let lastError: String
}

extension Queue {
    /// The causes of the dead, the most frequent first, at most 1,000.
    package func causes() async throws(QueueError) -> [DeadCause] {
        var reader = try ReplyReader("pond_causes", try await pond.call("pond_causes", keys, readOnly: true))
        var causes: [DeadCause] = []
        while !reader.isAtEnd {
            causes.append(
                DeadCause(
                    name: try reader.text(),
                    count: Int(try reader.number()),
                    first: try reader.time(),
                    last: try reader.time(),
                    lastID: JobID(try reader.text()),
                    lastError: try reader.text()
                )
            )
        }
        return causes
    }

    /// The ids of the dead, oldest first, read a page at a time.
    ///
    /// - Parameters:
    ///   - cause: only those with this cause.
    ///   - limit: how many at most.
    public func deadIDs(cause: String? = nil, limit: Int = Limits.deadMax) async throws(QueueError) -> [JobID] {
        var ids: [JobID] = []
        var rank: Int64 = 0
        while rank >= 0, ids.count < limit {
            let reply = try await pond.call(
                "pond_dead_ids",
                keys,
                [.text(cause ?? ""), .integer(rank), 1_000],
                readOnly: true
            )
            var reader = try ReplyReader("pond_dead_ids", reply)
            rank = try reader.number()
            while !reader.isAtEnd { ids.append(JobID(try reader.text())) }
        }
        return Array(ids.prefix(limit))
    }
}
