import PondCore
import PondQueue

/// Counts what the queue's journal says has happened, from now on.
struct JournalTally: Sendable {
    private let queue: Queue
    private var last = "0-0"
    /// Events by name, as in `retried` and `reclaimed`.
    private(set) var counts: [String: Int] = [:]

    private static let pageEntries = 1_000

    init(_ queue: Queue) { self.queue = queue }

    subscript(event: String) -> Int { counts[event] ?? 0 }

    /// Passes over what is in the journal already.
    mutating func skip() async throws {
        let newest = try await queue.journal(.newestFirst, from: "+", to: "-", atMost: 1)
        if let entry = newest.first { last = entry.id }
    }

    /// Counts what has come since the last time.
    mutating func update() async throws {
        while true {
            let page = try await queue.journal(.oldestFirst, from: "(\(last)", to: "+", atMost: Self.pageEntries)
            for event in page.flatMap(\.events) { counts[event.what.rawValue, default: 0] += 1 }
            if let entry = page.last { last = entry.id }
            if page.count < Self.pageEntries { return }
        }
    }
}
