import GRDB
import PondCore
import PondSQLite
import PondTestKit
import Synchronization

/// The time of day in a test, turned by hand.
final class WallHand: Sendable {
    private let shown = Mutex(ServerTime(milliseconds: WallHand.start))

    static let start: Int64 = 1_790_000_000_000

    var read: @Sendable () -> ServerTime { { self.shown.withLock { $0 } } }

    func turn(by duration: Duration) {
        shown.withLock { $0 = $0.advanced(by: duration) }
    }
}

/// A journal as Redis would hold it, written by hand.
struct HandJournal {
    let queue: String
    private(set) var ms: Int64
    private(set) var count: Int64 = 0
    private(set) var entries: [JournalEntry] = []

    init(_ queue: String, from ms: Int64 = WallHand.start) {
        self.queue = queue
        self.ms = ms
    }

    var source: HistorySource { HistorySource(queue: queue, .journal) }

    /// An entry of fields as they stand in the stream; `by` and `n` are added.
    mutating func add(by: String = "w-1", after: Int64 = 1, _ fields: [String], counting: Int64? = nil) {
        ms += after
        let entry = JournalEntry(id: "\(ms)-0", flat: ["by", by, "n", "\(count)"] + fields)
        guard let entry else { return }
        entries.append(entry)
        count += counting ?? entry.count
    }

    /// Forgets the oldest entries, as trimming does.
    mutating func trim(to rest: Int) {
        entries.removeFirst(max(0, entries.count - rest))
    }

    /// What a reader gets that was at a position.
    func page(after: StreamID = .zero, limit: Int = .max) -> HistoryPage {
        let found = entries.filter { StreamID($0.id).map { $0 > after } ?? false }.prefix(limit)
        let last = found.last.flatMap { StreamID($0.id) } ?? after
        return HistoryPage(source, after: after, upTo: last, .journal(Array(found)))
    }
}

/// A line of an entry's field `facts`.
func facts(
    _ id: String,
    _ kind: String,
    correlation: String = "",
    causation: String = "",
    attempt: Int = 1,
    wait: Int = 10,
    run: Int = 20
) -> String {
    [id, kind, correlation, causation, "\(attempt)", "\(wait)", "\(run)"].joined(separator: "\t")
}

/// A store in a folder of its own, closed in the end.
func withHistory<T>(
    isolation: isolated (any Actor)? = #isolation,
    wall: WallHand = WallHand(),
    _ body: (HistoryStore, String) async throws -> T
) async throws -> T {
    try await withFolder { folder in
        let store = HistoryStore(path: "\(folder)/history.sqlite", wallClock: wall.read)
        let value = try await body(store, folder)
        try await store.close()
        return value
    }
}

extension HistoryStore {
    /// How many rows a table has.
    func count(_ table: String) async throws -> Int {
        try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") ?? 0 }
    }
}
