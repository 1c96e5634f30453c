import GRDB
import PondCore
import PondSQLite
import PondTestKit
import Testing

/// What only the store in a file has: a size, a window that is given, several programs.
@Suite struct SQLiteKeyTests {
    private func withStore(
        window: Duration = .seconds(3_600),
        _ body: (SQLiteIdempotencyStore, HandClock) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            let clock = HandClock()
            let file = SQLiteStore(path: "\(folder)/keys.sqlite", schema: SQLiteIdempotencyStore.schema)
            let store = try SQLiteIdempotencyStore(file, window: window, wallClock: clock.read)
            try await body(store, clock)
            try await store.close()
        }
    }

    private func job(_ n: Int, fence: Int64 = 0) throws -> KeyedJob {
        KeyedJob(
            queue: try QueueName("orders"),
            key: try IdempotencyKey("order-\(n)"),
            id: JobID("\(n)-0"),
            kind: try JobKind("order.book"),
            data: [],
            fence: fence
        )
    }

    private func rows(_ store: SQLiteIdempotencyStore) async throws -> Int {
        try await store.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM pond_keys") ?? -1 }
    }

    @Test(arguments: [Duration.seconds(3_599), .seconds(30 * 86_400 + 1)])
    func `a window out of bounds is refused`(window: Duration) {
        let error = #expect(throws: PondError.self) { try SQLiteIdempotencyStore(path: "/none", window: window) }
        #expect(error?.message.contains("allowed is an hour to 30 days") == true)
    }

    @Test func `a store without the keys' table is refused`() {
        #expect(throws: PondError.self) { try SQLiteIdempotencyStore(SQLiteStore(path: "/none", schemas: [])) }
    }

    @Test func `keys past their window are thrown out, and no others`() async throws {
        try await withStore { store, clock async throws in
            for n in 0..<1_200 {
                #expect(try await store.claim(try job(n)) == .claimed)
                if n >= 100 { #expect(try await store.end(try job(n), as: .done(nil))) }
            }
            clock.advance(by: .seconds(3_599))
            #expect(try await store.purge() == 0)
            clock.advance(by: .seconds(1))
            #expect(try await store.purge() == 1_100)
            #expect(try await rows(store) == 100)
        }
    }

    @Test func `the store throws out what is old as it goes`() async throws {
        try await withStore { store, clock async throws in
            for n in 0..<200 {
                _ = try await store.claim(try job(n))
                _ = try await store.end(try job(n), as: .done(JobResult([1], keptFor: .seconds(60))))
            }
            clock.advance(by: .seconds(61))
            for n in 1_000..<1_200 { _ = try await store.claim(try job(n)) }
            let results = try await store.store.read {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM pond_keys WHERE result IS NOT NULL")
            }
            #expect(results == 0)
            clock.advance(by: .seconds(3_600))
            for n in 2_000..<2_200 { _ = try await store.claim(try job(n)) }
            #expect(try await rows(store) == 400)
        }
    }

    @Test func `a dead job that was sent back runs again under its key`() async throws {
        try await withStore { store, _ async throws in
            #expect(try await store.claim(try job(1)) == .claimed)
            #expect(try await store.end(try job(1), as: .dead))
            #expect(try await store.claim(try job(1, fence: 1)) == .claimed)
            #expect(try await store.end(try job(1), as: .dead) == false)
            #expect(try await store.end(try job(1, fence: 1), as: .done(nil)))
        }
    }

    @Test func `a dead job that is forgotten lets its key go, a done one does not`() async throws {
        try await withStore { store, _ async throws in
            for n in 1...2 { #expect(try await store.claim(try job(n)) == .claimed) }
            #expect(try await store.end(try job(1), as: .dead))
            #expect(try await store.end(try job(1), as: .released))
            #expect(try await store.end(try job(2), as: .done(nil)))
            #expect(try await store.end(try job(2), as: .released) == false)
            #expect(try await rows(store) == 1)
        }
    }

    @Test func `a job ends in one way only`() async throws {
        try await withStore { store, _ async throws in
            #expect(try await store.claim(try job(1)) == .claimed)
            #expect(try await store.end(try job(1), as: .done(JobResult([1]))))
            #expect(try await store.end(try job(1), as: .done(JobResult([2]))) == false)
            #expect(try await store.end(try job(1), as: .dead) == false)
            #expect(try await store.end(try job(3), as: .done(nil)) == false)
        }
    }

    @Test func `what was claimed and ended is there for another program`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/keys.sqlite"
            let first = try SQLiteIdempotencyStore(path: path)
            let second = try SQLiteIdempotencyStore(path: path)
            #expect(try await first.claim(try job(1)) == .claimed)
            #expect(try await first.end(try job(1), as: .done(nil)))
            try await first.close()
            #expect(try await second.record(of: try job(1).key, in: try job(1).queue)?.state == .done)
            try await second.close()
        }
    }
}
