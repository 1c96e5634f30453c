import GRDB
import Glibc
import PondCore
import PondSQLite
import PondTestKit
import Testing

/// Inboxes in processes that are killed, and in several at once.
@Suite struct InboxProcessTests {
    private static func inbox(_ path: String) throws -> Inbox {
        try Inbox(path: path, schemas: [InboxTests.schema])
    }

    @discardableResult
    private static func book(_ id: String, _ inbox: Inbox) async throws -> Int {
        try await Handed(id: id).inbox(inbox) { db in
            try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
            return Int(db.lastInsertedRowID)
        }
    }

    private func bookings(_ inbox: Inbox) async throws -> Int {
        try await inbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM bookings") ?? -1 }
    }

    @Test(arguments: [("before-inbox-commit", 0), ("after-inbox-commit", 1)])
    func `a kill at the commit leaves one effect after the job came again`(point: String, left: Int) async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, point = point as String] in
                dieAt(point)
                try await Self.book("1-0", try Self.inbox(path))
            }
            let inbox = try Self.inbox(path)
            #expect(try await bookings(inbox) == left)
            #expect(try await Self.book("1-0", inbox) == 1)
            #expect(try await bookings(inbox) == 1)
            try await inbox.close()
        }
    }

    @Test func `processes that do the same jobs have one effect a job`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a.sqlite"
            async let first: Void = expectSuccess(path)
            async let second: Void = expectSuccess(path)
            _ = await (first, second)
            let inbox = try Self.inbox(path)
            #expect(try await bookings(inbox) == 400)
            try await inbox.close()
        }
    }

    private func expectSuccess(_ path: String) async {
        await #expect(processExitsWith: .success) { [path = path as String] in
            let inbox = try Self.inbox(path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<400 { group.addTask { try await Self.book("\(number)-0", inbox) } }
                try await group.waitForAll()
            }
            try await inbox.close()
        }
    }
}
