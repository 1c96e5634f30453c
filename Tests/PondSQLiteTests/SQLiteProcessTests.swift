import GRDB
import Glibc
import PondSQLite
import PondTestKit
import Testing

@Suite struct SQLiteProcessTests {
    private static let writesEach = 300

    /// What each of the processes does: many writes at once, as the slots of a worker do.
    private static func writeMany(_ path: String, writer: Int) async throws {
        let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<writesEach {
                group.addTask {
                    try await store.write { db in
                        let n = number * 10 + writer
                        try db.execute(sql: "INSERT INTO numbers VALUES (?, ?)", arguments: [n, "\(writer)"])
                    }
                }
            }
            try await group.waitForAll()
        }
        try await store.close()
    }

    @Test func `processes that write the same file at once lose nothing`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            async let first: Void = expectSuccess(path, writer: 1)
            async let second: Void = expectSuccess(path, writer: 2)
            async let third: Void = expectSuccess(path, writer: 3)
            _ = await (first, second, third)
            let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema)
            let counts = try await store.read {
                try Int.fetchAll($0, sql: "SELECT count(*) FROM numbers GROUP BY writer ORDER BY writer")
            }
            #expect(counts == [Self.writesEach, Self.writesEach, Self.writesEach])
            #expect(try await store.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
            try await store.close()
        }
    }

    private func expectSuccess(_ path: String, writer: Int) async {
        await #expect(processExitsWith: .success) { [path, writer] in
            try await Self.writeMany(path, writer: writer)
        }
    }

    @Test func `a write that returned survives a kill in the next one`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema)
                try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (1)") }
                try await store.write { db in
                    try db.execute(sql: "INSERT INTO numbers (n) VALUES (2)")
                    kill(getpid(), SIGKILL)
                }
            }
            let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema)
            #expect(try await store.read { try Int.fetchAll($0, sql: "SELECT n FROM numbers") } == [1])
            try await store.close()
        }
    }
}
