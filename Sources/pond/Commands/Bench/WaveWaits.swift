import PondCore
import PondQueue

/// How long each job waited before a worker had it, seen from outside: from its entry's time to its delivery.
///
/// Looked at more often than a job takes, so that none is missed.
struct WaveWaits: Sendable {
    private static let entriesMax = 2_000

    private let queue: Queue
    /// Jobs that are in flight, whose wait is known already.
    private var known: Set<StreamID> = []
    /// Milliseconds, in the order of their deliveries.
    private(set) var all: [Int64] = []

    init(_ queue: Queue) { self.queue = queue }

    /// Takes note of the jobs that were delivered since the last time.
    mutating func update() async throws {
        let (now, entries) = try await queue.delivered(from: .normal, atMost: Self.entriesMax)
        var present: Set<StreamID> = []
        for (entry, idle) in entries {
            present.insert(entry)
            let added = Int64(clamping: entry.milliseconds)
            if !known.contains(entry) { all.append(max(0, now.milliseconds - idle - added)) }
        }
        known = present
    }
}
