import Millpond

/// Counts what the queue's journal says has happened, from now on.
struct JournalTally: Sendable {
    private let pond: Pond
    private let key: String
    private var last = "0-0"
    /// Events by name, as in `retried` and `reclaimed`.
    private(set) var counts: [String: Int] = [:]

    private static let pageEntries: Int64 = 1_000

    init(_ queue: Queue, on pond: Pond) {
        self.pond = pond
        key = queue.keys.journal
    }

    subscript(event: String) -> Int { counts[event] ?? 0 }

    /// Passes over what is in the journal already.
    mutating func skip() async throws {
        let reply = try await pond.redis.send(RedisCommand("XREVRANGE", .text(key), "+", "-", "COUNT", 1))
        if let id = reply.array?.first?.array?.first?.string { last = id }
    }

    /// Counts what has come since the last time.
    mutating func update() async throws {
        while true {
            let command = RedisCommand(
                "XRANGE",
                .text(key),
                .text("(\(last)"),
                "+",
                "COUNT",
                .integer(Self.pageEntries)
            )
            let entries = try await pond.redis.send(command).array ?? []
            for entry in entries { count(entry) }
            if entries.count < Self.pageEntries { return }
        }
    }

    /// An entry is `by` and a worker, then events and their details in turn.
    private mutating func count(_ entry: RESPValue) {
        guard let parts = entry.array, parts.count == 2, let id = parts[0].string, let fields = parts[1].array else {
            return
        }
        last = id
        for index in stride(from: 2, to: fields.count, by: 2) {
            if let event = fields[index].string { counts[event, default: 0] += 1 }
        }
    }
}
