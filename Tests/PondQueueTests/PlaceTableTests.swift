import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// The library's own table of places.
///
/// Whatever asks where jobs are goes through it. A place that is added there is not done until a job in it is found by all
/// of them, which these tests demand of every row.
@Suite(.redis) struct PlaceTableTests {
    private struct Row {
        let state: String
        let keyState: String
        let codes: [String]
        let moves: Set<String>
    }

    /// The table, without the row of jobs that are being added.
    private func table(_ bench: Bench) async throws -> (begins: Set<String>, rows: [Row]) {
        let words = try #require(try await bench.call("pond_places").array).map { $0.string ?? "" }
        #expect(words.count.isMultiple(of: 4) && words.count > 4)
        let rows = stride(from: 0, to: words.count, by: 4).map { at in
            Row(
                state: words[at],
                keyState: words[at + 1],
                codes: words[at + 2].map { String($0) },
                moves: Set(words[at + 3].split(separator: " ").map { String($0) })
            )
        }
        #expect(rows[0].state == "new")
        return (rows[0].moves, Array(rows.dropFirst()))
    }

    /// How a job with this key gets into each state.
    private static let ways: [String: @Sendable (Bench, String) async throws -> JobID] = [
        "ready": { bench, key in try await bench.add("a.b", "{}", try .once(key)) },
        "running": { bench, key in
            try await bench.add("a.b", "{}", try .once(key))
            return try await bench.fetchOne().id
        },
        "held": { bench, key in
            var options = EnqueueOptions.after(.seconds(600))
            options.key = try IdempotencyKey(key)
            return try await bench.add("a.b", "{}", options)
        },
        "dead": { bench, key in
            try await bench.add("a.b", "{}", try .once(key))
            let delivery = try await bench.fetchOne()
            try await bench.settle(delivery, .dead(cause: .failed, error: "e"))
            return delivery.id
        },
        "limited": { bench, key in try await bench.limited(try .once(key)) },
        "waiting": { bench, key in
            try await bench.add("a.b", "{}", try .once(key))
            let delivery = try await bench.fetchOne()
            let store = QueueSagaStore(bench.queue, delivery.receipt, of: delivery.id, as: .ann)
            #expect(try await store.wait([SagaWait("rest", .sleep, within: .seconds(600))], spent: nil) == .parked)
            return delivery.id
        },
    ]

    @Test func `a job in any place is found by whatever asks where jobs are`() async throws {
        let rows = try await Bench.run { try await table($0).rows }
        for row in rows {
            let way = try #require(Self.ways[row.state], "no test puts a job into \(row.state)")
            try await Bench.run { bench in
                let id = try await way(bench, "order-1")
                try await expectFound(id, row, of: rows, bench)
                try await bench.expectWhole([id])
            }
        }
    }

    private func expectFound(_ id: JobID, _ row: Row, of rows: [Row], _ bench: Bench) async throws {
        #expect(try await bench.queue.job(id).state.rawValue == row.state)
        #expect(try await bench.queue.situation(of: id).report.state.rawValue == row.state)
        #expect(try await bench.queue.fates(of: [id]) != [.ended])
        let holder = try await bench.queue.record(of: try IdempotencyKey("order-1"))
        #expect(holder?.id == id && holder?.state.rawValue == row.keyState)
        let twin = try await bench.call("pond_enqueue", "kind", "a.b", "data", "{}", "key", "order-1").array
        #expect(twin?.map(\.string) == ["duplicate", id.text, row.keyState, ""])
        // Of the counts of all places one is of this job, and it is the only one.
        let depth = try #require(try await bench.call("pond_depth").array).map { $0.string ?? "" }
        let counts = rows.map { row -> String? in
            depth.firstIndex(of: row.state == "running" ? "in_flight" : row.state).map { depth[$0 + 1] }
        }
        #expect(counts == rows.map { $0.state == row.state ? "1" : "0" })
        try await bench.redis("HSET", bench.key("meta"), "max_depth", "1")
        if row.keyState != "dead" {
            #expect(
                try await bench.refusal("pond_enqueue", "kind", "a.b").hasPrefix("QUEUEFULL the queue holds 1 jobs")
            )
        }
        var exported: [String] = []
        for code in Set(rows.flatMap(\.codes)) {
            let page = try #require(try await bench.call("pond_export", code, "", "", "10").array)
            if page.count > 3, page[4].string == id.text { exported.append(code) }
        }
        #expect(exported.count == (row.codes.isEmpty ? 0 : 1) && Set(row.codes).isSuperset(of: exported))
    }

    @Test func `the table allows the moves that are tried, and no others`() async throws {
        let (begins, rows) = try await Bench.run { try await table($0) }
        var moves = Set(begins.map { "new → \($0)" })
        for row in rows { moves.formUnion(row.moves.map { "\(row.state) → \($0)" }) }
        #expect(moves == PlaceTests.tried)
        #expect(
            rows.flatMap(\.moves).allSatisfy { target in target == "ended" || rows.contains { $0.state == target } }
        )
    }

    @Test func `programs know every place`() async throws {
        let rows = try await Bench.run { try await table($0).rows }
        #expect(Set(JobReport.State.allCases.map(\.rawValue)) == Set(rows.map(\.state) + ["unknown"]))
        #expect(Set(ExportPlace.allCases.map(\.code)) == Set(rows.flatMap(\.codes)))
        // Where each count stands never changes: clients of the first day read the answer by places.
        #expect(rows.prefix(4).map(\.state) == ["ready", "running", "held", "dead"])
    }
}
