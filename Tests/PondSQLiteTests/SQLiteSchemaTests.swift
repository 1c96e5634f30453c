import GRDB
import PondSQLite
import PondTestKit
import Testing

@Suite struct SQLiteSchemaTests {
    private static let one = "CREATE TABLE a (n INTEGER)"
    private static let two = "ALTER TABLE a ADD COLUMN m INTEGER; CREATE TABLE b (n INTEGER)"

    private func columns(_ store: SQLiteStore) async throws -> [String] {
        try await store.read { try $0.columns(in: "a").map(\.name) }
    }

    @Test func `a file of an earlier program gets the steps that it lacks`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let old = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one]))
            #expect(try await columns(old) == ["n"])
            let new = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one, Self.two]))
            #expect(try await columns(new) == ["n", "m"])
            try await old.close()
            try await new.close()
        }
    }

    @Test func `a file of a newer program is refused`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let new = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one, Self.two]))
            _ = try await columns(new)
            let old = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one]))
            let error = await #expect(throws: SQLiteError.self) { try await columns(old) }
            #expect(error?.code == .cannotOpen)
            #expect(error?.message.contains("version 2") == true)
            try await new.close()
        }
    }

    @Test func `two schemas live in one file`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let first = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one]))
            let second = SQLiteStore(path: path, schema: SQLiteSchema(name: "y", steps: ["CREATE TABLE c (n INTEGER)"]))
            _ = try await columns(first)
            #expect(try await second.read { try $0.tableExists("c") && $0.tableExists("a") })
            try await first.close()
            try await second.close()
        }
    }

    @Test func `a step that fails leaves the file as it was`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let broken = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one, "CREATE TABEL b"]))
            let error = await #expect(throws: SQLiteError.self) { try await columns(broken) }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("CREATE TABEL b") == true)
            let mended = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one, Self.two]))
            #expect(try await columns(mended) == ["n", "m"])
            try await mended.close()
        }
    }

    @Test func `twenty stores that open a new file at once agree`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let schema = SQLiteSchema(name: "x", steps: [Self.one, Self.two])
                        let store = SQLiteStore(path: path, schema: schema)
                        try await store.write {
                            try $0.execute(sql: "INSERT INTO a (n) VALUES (?)", arguments: [number])
                        }
                        try await store.close()
                        return number
                    }
                }
                try await group.waitForAll()
            }
            let store = SQLiteStore(path: path, schema: SQLiteSchema(name: "x", steps: [Self.one, Self.two]))
            #expect(try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM a") } == 20)
            try await store.close()
        }
    }
}
