import PondRedis

// What is kept of fleets beside their own functions: PondFleet knows what it means.

extension Pond {
    /// The known fleets: those that a supervisor has joined.
    package func fleets() async throws(QueueError) -> [String] {
        let reply = try await run(
            RedisCommand("SMEMBERS", .text(Keys.fleets(prefix: prefix))),
            doing: "listing fleets"
        )
        return (reply.array ?? []).compactMap(\.string).sorted()
    }

    /// Makes a fleet known, so that it can be found by people.
    package func register(fleet name: String) async throws(QueueError) {
        let key = Keys.fleets(prefix: prefix)
        _ = try await run(RedisCommand("SADD", .text(key), .text(name)), doing: "registering fleet \(name)")
    }

    /// Entries of a stream that keeps records, newest first: the id, and the values of the fields in their order.
    ///
    /// - Parameter end: where to begin: `+`, or behind an entry, `(` and its id.
    package func records(
        of key: String,
        upTo end: String,
        atMost limit: Int
    ) async throws(QueueError) -> [(id: String, values: [String])] {
        let reply = try await run(
            RedisCommand("XREVRANGE", .text(key), .text(end), "-", "COUNT", .number(limit)),
            doing: "reading \(key)"
        )
        return (reply.array ?? []).compactMap { entry in
            guard let pair = entry.array, pair.count == 2, let id = pair[0].string, let fields = pair[1].array else {
                return nil
            }
            return (id, stride(from: 1, to: fields.count, by: 2).map { fields[$0].string ?? "" })
        }
    }
}
