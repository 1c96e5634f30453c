import GRDB
import Glibc
import PondCore
import PondSQLite
import Testing

/// Figures for a person, not for CI: `HISTORY_EVENTS=5000000 swift test -c release --filter HistoryFigures`.
@Suite(.enabled(if: getenv("HISTORY_EVENTS") != nil, "measured by hand")) struct HistoryFigures {
    private var count: Int { getenv("HISTORY_EVENTS").flatMap { Int(String(cString: $0)) } ?? 0 }
    private var perEntry: Int { getenv("HISTORY_PER_ENTRY").flatMap { Int(String(cString: $0)) } ?? 10 }

    /// The fields of a page of entries: of twenty jobs, one fails once and one dies.
    private func flats(_ first: Int, _ count: Int) -> [(id: String, flat: [String])] {
        stride(from: first, to: first + count, by: perEntry).map { start in
            var lines: [String] = []
            var done: [String] = []
            var others: [String] = []
            for n in start..<start + perEntry {
                let id = "\(WallHand.start + Int64(n / 4))-\(n % 4)"
                lines.append(facts(id, "kind.\(n % 20)", correlation: "order-\(n / 5)", wait: n % 500, run: n % 3_000))
                switch n % 20 {
                case 0: others += ["retried", "\(id) \(WallHand.start + 9) 0000000\(n % 7)\nHTTP 503 try \(n % 100)"]
                case 1: others += ["dead", "\(id) handler 1000000\(n % 7)\nno answer from host-\(n % 5_000) in time"]
                default: done.append(id)
                }
            }
            let head = ["by", "host-\(start % 8)", "n", "\(start)", "facts", lines.joined(separator: "\n")]
            let flat = head + (done.isEmpty ? [] : ["done", done.joined(separator: " ")]) + others
            return ("\(WallHand.start + Int64(start))-0", flat)
        }
    }

    private func seconds(_ body: () async throws -> Void) async throws -> Double {
        let clock = LocalClock.system
        let start = clock.now()
        try await body()
        return start.duration(to: clock.now()).inSeconds
    }

    @Test func `events a second, and the time of an answer`() async throws {
        try await withHistory { store, _ in
            let source = HistorySource(queue: "mail", .journal)
            var place = StreamID.zero
            let time = try await seconds {
                for first in stride(from: 0, to: count, by: 5_000) {
                    let entries = flats(first, 5_000).compactMap { JournalEntry(id: $0.id, flat: $0.flat) }
                    let last = entries.last.flatMap { StreamID($0.id) } ?? place
                    _ = try await store.ingest([HistoryPage(source, after: place, upTo: last, .journal(entries))])
                    place = last
                }
            }
            let status = try await store.status()
            print("\(count) events in \(time) s: \(Int(Double(count) / time))/s, \(status.bytes / 1_000_000) MB")
            print("\(Double(status.usedBytes) / Double(count)) bytes an event, log \(status.logBytes / 1_000_000) MB")
            try await ask("job") {
                _ = try await store.jobHistories(of: JobID("\(WallHand.start + Int64($0 / 4))-\($0 % 4)"))
            }
            try await ask("correlation") { _ = try await store.jobs(correlatedBy: "order-\($0 / 5)") }
            try await ask("group") { try await self.search(store) { $0.group = "1000000\($1 % 7)" }($0) }
            try await ask("cause") { try await self.search(store) { query, _ in query.cause = "handler" }($0) }
            try await ask("worker") { try await self.search(store) { $0.worker = "host-\($1 % 8)" }($0) }
            try await ask("kind") { try await self.search(store) { $0.kind = "kind.\($1 % 20)" }($0) }
            try await ask("text, rare") { try await self.search(store) { $0.text = "host \($1 % 5_000)" }($0) }
            try await ask("text, common") { try await self.search(store) { query, _ in query.text = "503" }($0) }
            try await ask("text, prefix") { try await self.search(store) { query, _ in query.text = "answ*" }($0) }
            try await ask("run times") { _ = try await store.runTimes(of: "kind.\($0 % 20)") }
            try await ask("status") { _ in _ = try await store.status() }
            let swept = try await seconds { _ = try await store.sweep(HistoryRetention(ageMax: .zero)) }
            print("a sweep: \(swept * 1_000) ms")
        }
    }

    private func search(
        _ store: HistoryStore,
        _ change: @escaping (inout HistoryQuery, Int) -> Void
    ) -> (Int) async throws -> Void {
        { n in
            var query = HistoryQuery()
            change(&query, n)
            _ = try await store.search(query)
        }
    }

    private func ask(_ what: String, _ body: (Int) async throws -> Void) async throws {
        var worst = 0.0
        var total = 0.0
        for n in 0..<50 {
            let time = try await seconds { try await body(n &* 7_919 % max(1, count)) } * 1_000
            worst = max(worst, time)
            total += time
        }
        print("\(what): \(total / 50) ms, worst \(worst) ms")
    }
}
