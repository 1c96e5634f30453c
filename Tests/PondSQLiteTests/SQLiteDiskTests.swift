import GRDB
import Glibc
import PondSQLite
import PondTestKit
import Subprocess
import Testing

/// A real disk that is small, or that nobody may write; only root can make one.
@Suite(.enabled(if: getuid() == 0, "only root can mount")) struct SQLiteDiskTests {
    private func shell(_ script: String, _ folder: String) async throws -> Bool {
        let result = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script, "mount", folder],
            output: .discarded,
            error: .discarded
        )
        return result.terminationStatus.isSuccess
    }

    /// Runs a test with a disk of 1 MB; does nothing where root may not mount, as in most containers.
    private func withDisk(_ body: (String) async throws -> Void) async throws {
        try await withFolder { folder in
            guard try await shell(#"mount -t tmpfs -o size=1m tmpfs "$1""#, folder) else { return }
            do {
                try await body(folder)
                _ = try await shell(#"umount -l "$1""#, folder)
            } catch {
                _ = try await shell(#"umount -l "$1""#, folder)
                throw error
            }
        }
    }

    private func insert(_ n: Int, _ store: SQLiteStore) async throws {
        let text = String(repeating: "x", count: 10_000)
        try await store.write { try $0.execute(sql: "INSERT INTO numbers VALUES (?, ?)", arguments: [n, text]) }
    }

    @Test func `a full disk refuses writes, keeps what was written and recovers`() async throws {
        try await withDisk { folder in
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: SQLiteStoreTests.schema)
            var written = 0
            var failure: SQLiteError?
            while failure == nil, written < 500 {
                do {
                    try await insert(written, store)
                    written += 1
                } catch let error as SQLiteError {
                    failure = error
                }
            }
            #expect(failure?.code == .full, "\(String(describing: failure))")
            let rows = try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM numbers") }
            #expect(rows == written)
            let isLarger = try await shell(#"mount -o remount,size=4m "$1""#, folder)
            #expect(isLarger)
            try await insert(written, store)
            try await store.close()
        }
    }

    @Test func `a store cannot be opened on a full disk`() async throws {
        try await withDisk { folder in
            _ = try await shell(#"head -c 2000000 /dev/zero > "$1/filler""#, folder)
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: SQLiteStoreTests.schema)
            let error = await #expect(throws: SQLiteError.self) { try await insert(1, store) }
            #expect(error?.code == .full, "\(String(describing: error))")
            // The store is good again as soon as the disk is.
            unlink("\(folder)/filler")
            try await insert(1, store)
            try await store.close()
        }
    }

    @Test func `a disk that is mounted read-only is named`() async throws {
        try await withDisk { folder in
            let isReadOnly = try await shell(#"mount -o remount,ro "$1""#, folder)
            #expect(isReadOnly)
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schema: SQLiteStoreTests.schema)
            let error = await #expect(throws: SQLiteError.self) { try await insert(1, store) }
            #expect(error?.code == .cannotOpen)
            #expect(error?.message.contains("Read-only file system") == true, "\(String(describing: error))")
        }
    }

    @Test func `on a full disk an inbox writes neither effect nor note, and does both when there is room`() async throws
    {
        try await withDisk { folder in
            let inbox = try Inbox(path: "\(folder)/a.sqlite", schemas: [SQLiteStoreTests.schema])
            @Sendable func book(_ n: Int) async throws {
                let text = String(repeating: "x", count: 10_000)
                try await Handed(id: "\(n)-0").inbox(inbox) { db in
                    try db.execute(sql: "INSERT INTO numbers VALUES (?, ?)", arguments: [n, text])
                }
            }
            var done = 0
            var failure: SQLiteError?
            while failure == nil, done < 500 {
                do {
                    try await book(done)
                    done += 1
                } catch let error as SQLiteError {
                    failure = error
                }
            }
            #expect(failure?.code == .full && failure?.message.contains("free space on its disk") == true)
            let counts = try await inbox.store.read { db in
                try ["numbers", "pond_inbox"].map { try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") }
            }
            #expect(counts == [done, done])
            let isLarger = try await shell(#"mount -o remount,size=4m "$1""#, folder)
            #expect(isLarger)
            for n in 0...done { try await book(n) }
            let rows = try await inbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM numbers") }
            #expect(rows == done + 1)
            try await inbox.close()
        }
    }

    @Test func `on a full disk an outbox takes neither change nor job, and ships what it has when there is room`()
        async throws
    {
        try await withDisk { folder in
            let outbox = Outbox(path: "\(folder)/a.sqlite", schemas: [SQLiteStoreTests.schema])
            let text = String(repeating: "x", count: 10_000)
            var done = 0
            var failure: SQLiteError?
            while failure == nil, done < 500 {
                let n = done
                do {
                    try await outbox.write { db in
                        try db.execute(sql: "INSERT INTO numbers VALUES (?, '')", arguments: [n])
                        try outbox.enqueue(try OutboxTests.job(text, key: "\(n)"), to: "mails", in: db)
                    }
                    done += 1
                } catch let error as SQLiteError {
                    failure = error
                }
            }
            #expect(failure?.code == .full)
            let counts = try await outbox.store.read { db in
                try ["numbers", "pond_outbox"].map { try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") }
            }
            #expect(counts == [done, done])
            let sink = KeyedSink()
            let isLarger = try await shell(#"mount -o remount,size=4m "$1""#, folder)
            #expect(isLarger)
            _ = try await OutboxTests.relay(outbox, sink).shipOnce()
            #expect(sink.taken.count == done)
            try await outbox.close()
        }
    }
}
