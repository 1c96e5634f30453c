import Dispatch
import GRDB
import PondSQLite
import PondTestKit
import Testing

@Suite struct SQLiteStoreTests {
    static let schema = SQLiteSchema(
        name: "test",
        steps: ["CREATE TABLE numbers (n INTEGER PRIMARY KEY, writer TEXT NOT NULL DEFAULT '') STRICT"]
    )

    private func count(_ store: SQLiteStore) async throws -> Int {
        try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM numbers") ?? -1 }
    }

    private func insert(_ number: Int, _ store: SQLiteStore) async throws {
        try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (?)", arguments: [number]) }
    }

    @Test func `what was written is there for another store`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema)
            try await insert(7, store)
            let other = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema)
            #expect(try await count(other) == 1)
            try await store.close()
            try await other.close()
        }
    }

    @Test func `the file is in WAL mode, a commit is flushed and foreign keys hold`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema, busyTimeout: .milliseconds(1_234))
            let facts = try await store.write { db in
                try ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map {
                    try String.fetchOne(db, sql: "PRAGMA \($0)")
                }
            }
            #expect(facts == ["wal", "2", "1", "1234"])
            let readers = try await store.read { try String.fetchOne($0, sql: "PRAGMA busy_timeout") }
            #expect(readers == "1234")
            try await store.close()
        }
    }

    @Test(arguments: [
        // Looked at when the transaction is committed, and rolling all of it back at once.
        "INSERT INTO parts (whole) VALUES (999)", "INSERT OR ROLLBACK INTO numbers (n) VALUES (0)",
    ])
    func `a write that breaks the common transaction fails alone`(bad: String) async throws {
        try await withFolder { folder in
            let parts = SQLiteSchema(
                name: "parts",
                steps: [
                    "CREATE TABLE parts (whole INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED) STRICT"
                ]
            )
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schemas: [Self.schema, parts])
            try await insert(0, store)
            let failed = await withTaskGroup(of: Int?.self) { group in
                for number in 1...200 {
                    group.addTask {
                        do {
                            try await store.write { db in
                                if number == 77 { return try db.execute(sql: bad) }
                                try db.execute(sql: "INSERT INTO numbers (n) VALUES (?)", arguments: [number])
                            }
                            return nil
                        } catch {
                            return number
                        }
                    }
                }
                return await group.reduce(into: [Int]()) { if let number = $1 { $0.append(number) } }
            }
            #expect(failed == [77])
            #expect(try await count(store) == 200)
            try await store.close()
        }
    }

    @Test func `a write that throws undoes itself and nothing of the others`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema)
            struct Refused: Error {}
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<400 {
                    group.addTask {
                        do {
                            try await store.write { db in
                                try db.execute(sql: "INSERT INTO numbers (n) VALUES (?)", arguments: [number])
                                if number % 4 == 0 { throw Refused() }
                            }
                            return true
                        } catch {
                            return !(error is Refused)
                        }
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 300)
            let found = try await store.read {
                try Int.fetchAll($0, sql: "SELECT n FROM numbers WHERE n % 4 = 0")
            }
            #expect(found == [])
            #expect(try await count(store) == 300)
            try await store.close()
        }
    }

    @Test func `writes that wait share a transaction`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema)
            try await insert(0, store)
            // Another connection sees what is committed, so every commit makes it see another number.
            let witness = try DatabaseQueue(path: "\(folder)/a.sqlite")
            let (hasBegun, begin) = AsyncStream.makeStream(of: Never.self)
            let release = DispatchSemaphore(value: 0)
            async let first: Void = store.write { _ in
                begin.finish()
                release.wait()
            }
            for await _ in hasBegun {}
            let (arrivals, arrive) = AsyncStream.makeStream(of: Void.self)
            let seen = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...50 {
                    group.addTask {
                        arrive.yield()
                        return try await store.write { db in
                            try db.execute(sql: "INSERT INTO numbers (n) VALUES (?)", arguments: [number])
                            return try witness.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM numbers") ?? 0 }
                        }
                    }
                }
                for await _ in arrivals.prefix(50) {}
                release.signal()
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            try await first
            // Fifty transactions would have been seen as fifty numbers; a few latecomers may have one of their own.
            #expect(seen.count < 25)
            #expect(try await count(store) == 51)
            try await store.close()
        }
    }

    @Test func `a cancelled task does not begin a write`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema)
            try await insert(1, store)
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask {
                    await #expect(throws: CancellationError.self) {
                        try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (2)") }
                    }
                }
            }
            #expect(try await count(store) == 1)
            try await store.close()
        }
    }

    @Test func `a closed store says so`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: Self.schema)
            try await insert(1, store)
            try await store.close()
            try await store.close()
            let error = await #expect(throws: SQLiteError.self) { try await insert(2, store) }
            #expect(error?.code == .cannotOpen)
            #expect(error?.message.contains("closed") == true)
        }
    }
}
