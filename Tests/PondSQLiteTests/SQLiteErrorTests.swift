import Dispatch
import GRDB
import Glibc
import PondSQLite
import PondTestKit
import Testing

@Suite struct SQLiteErrorTests {
    private func failure(_ path: String, busyTimeout: Duration = .milliseconds(50)) async -> SQLiteError? {
        let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema, busyTimeout: busyTimeout)
        return await #expect(throws: SQLiteError.self) {
            try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (1)") }
        }
    }

    // Nobody can make files there, root neither.
    @Test func `a folder that cannot be written is named`() async throws {
        let error = await failure("/sys/pond.sqlite")
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("no file can be made in the folder /sys") == true || getuid() == 0)
        #expect(error?.message.hasPrefix("/sys/pond.sqlite cannot be opened") == true)
    }

    @Test(.enabled(if: getuid() != 0, "root may write everywhere"))
    func `a read-only folder is named`() async throws {
        try await withFolder { folder in
            chmod(folder, 0o555)
            let error = await failure("\(folder)/a.sqlite")
            #expect(error?.code == .cannotOpen)
            #expect(error?.message.contains("make it writable") == true)
            chmod(folder, 0o755)
        }
    }

    @Test func `a folder that is missing is named`() async throws {
        try await withFolder { folder in
            let error = await failure("\(folder)/none/a.sqlite")
            #expect(error?.code == .cannotOpen)
            #expect(error?.message.contains("the folder \(folder)/none does not exist") == true)
        }
    }

    @Test func `a folder in the place of the file is named`() async throws {
        try await withFolder { folder in
            let error = await failure(folder)
            #expect(error?.code == .cannotOpen)
            #expect(error?.message.contains("it is a folder") == true)
        }
    }

    @Test func `a file that is no database is left alone`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let bytes = Array(repeating: UInt8(ascii: "x"), count: 5_000)
            write(bytes, to: path)
            let error = await failure(path)
            #expect(error?.code == .corrupt)
            #expect(error?.message.contains("is not an SQLite database") == true)
            #expect(fileSize(path) == 5_000)
        }
    }

    @Test func `a damaged file is told from one that is no database`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema)
            try await store.write { db in
                for n in 0..<5_000 {
                    try db.execute(sql: "INSERT INTO numbers VALUES (?, 'some text')", arguments: [n])
                }
            }
            try await store.close()
            overwrite(path, from: 4_096)
            let error = await failure(path)
            #expect(error?.code == .corrupt)
            #expect(error?.message.contains("is damaged") == true)
        }
    }

    @Test func `a full file refuses the write and holds what was there`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: SQLiteStoreTests.schema)
            try await store.write { try $0.execute(sql: "INSERT INTO numbers VALUES (1, 'first')") }
            try await store.write { try $0.execute(sql: "PRAGMA max_page_count = 20") }
            let text = String(repeating: "x", count: 4_000)
            let errors = await withTaskGroup(of: SQLiteError?.self) { group in
                for n in 2..<60 {
                    group.addTask {
                        do {
                            try await store.write {
                                try $0.execute(sql: "INSERT INTO numbers VALUES (?, ?)", arguments: [n, text])
                            }
                            return nil
                        } catch {
                            return error as? SQLiteError
                        }
                    }
                }
                return await group.reduce(into: [SQLiteError]()) { if let error = $1 { $0.append(error) } }
            }
            #expect(errors.count >= 40)
            #expect(errors.allSatisfy { $0.code == .full && $0.isTransient && $0.message.contains("free space") })
            let rows = try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM numbers") ?? 0 }
            // Those that were told that they failed are not there, those that were told nothing are.
            #expect(rows == 1 + 58 - errors.count)
            try await store.write { try $0.execute(sql: "PRAGMA max_page_count = 100000") }
            try await store.write { try $0.execute(sql: "INSERT INTO numbers VALUES (99, 'later')") }
            try await store.close()
        }
    }

    @Test func `a lock that others keep ends as busy`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            let other = SQLiteStore(path: path, schema: SQLiteStoreTests.schema)
            let store = SQLiteStore(path: path, schema: SQLiteStoreTests.schema, busyTimeout: .milliseconds(100))
            try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (1)") }
            let (isLocked, lock) = AsyncStream.makeStream(of: Never.self)
            let release = DispatchSemaphore(value: 0)
            async let holder: Void = other.write { _ in
                lock.finish()
                release.wait()
            }
            for await _ in isLocked {}
            let error = await #expect(throws: SQLiteError.self) {
                try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (2)") }
            }
            release.signal()
            try await holder
            #expect(error?.code == .busy)
            #expect(error?.isTransient == true)
            #expect(error?.message.contains("for 100ms") == true)
            try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (2)") }
            try await store.close()
            try await other.close()
        }
    }

    @Test func `a broken constraint names the statement`() async throws {
        try await withFolder { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: SQLiteStoreTests.schema)
            try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (1)") }
            let error = await #expect(throws: SQLiteError.self) {
                try await store.write { try $0.execute(sql: "INSERT INTO numbers (n) VALUES (1)") }
            }
            #expect(error?.code == .failed)
            #expect(error?.isTransient == false)
            #expect(error?.message.contains("UNIQUE constraint failed: numbers.n in INSERT INTO") == true)
            try await store.close()
        }
    }

    private func fileSize(_ path: String) -> Int {
        var information = stat()
        return stat(path, &information) == 0 ? Int(information.st_size) : -1
    }

    private func overwrite(_ path: String, from offset: Int) {
        guard let file = fopen(path, "r+e") else { return }
        let junk = [UInt8](repeating: 0xee, count: fileSize(path) - offset)
        fseek(file, offset, SEEK_SET)
        fwrite(junk, 1, junk.count, file)
        fclose(file)
    }
}
