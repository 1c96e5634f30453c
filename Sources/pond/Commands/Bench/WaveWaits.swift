import Millpond
import PondQueue
import PondRedis

/// How long each job waited before a worker had it, seen from outside: from its entry's time to its delivery.
///
/// Looked at more often than a job takes, so that none is missed.
struct WaveWaits: Sendable {
    private static let entriesMax: Int64 = 2_000

    private let pond: Pond
    private let key: String
    /// Jobs that are in flight, whose wait is known already.
    private var known: Set<String> = []
    /// Milliseconds, in the order of their deliveries.
    private(set) var all: [Int64] = []

    init(_ queue: Queue, on pond: Pond) {
        self.pond = pond
        key = queue.keys.ready(.normal)
    }

    /// Takes note of the jobs that were delivered since the last time.
    mutating func update() async throws {
        let replies = try await pond.redis.pipeline([
            RedisCommand("TIME"), RedisCommand("XPENDING", .text(key), "mp", "-", "+", .integer(Self.entriesMax)),
        ])
        let time = try replies[0].get().array ?? []
        let now = (time.first?.int ?? 0) * 1_000 + (time.last?.int ?? 0) / 1_000
        var present: Set<String> = []
        for row in (try replies[1].get()).array ?? [] {
            guard let fields = row.array, fields.count > 2, let entry = fields[0].string, let idle = fields[2].int,
                let added = entry.split(separator: "-").first.flatMap({ Int64($0) })
            else { continue }
            present.insert(entry)
            if !known.contains(entry) { all.append(max(0, now - idle - added)) }
        }
        known = present
    }
}
