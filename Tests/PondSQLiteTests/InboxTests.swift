import GRDB
import PondCore
import PondSQLite
import PondTestKit
import Testing

@Suite struct InboxTests {
    static let schema = SQLiteSchema(
        name: "books",
        steps: ["CREATE TABLE bookings (n INTEGER PRIMARY KEY, text TEXT NOT NULL DEFAULT '') STRICT"]
    )

    private struct Receipt: Codable, Equatable {
        var number: Int
        var text: String
    }

    /// An inbox in a folder of its own, with the clock that it reads.
    private func withInbox(
        window: Duration = .seconds(7_200),
        _ body: (Inbox, HandClock) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            let clock = HandClock()
            let store = SQLiteStore(path: "\(folder)/a.sqlite", schemas: [Self.schema, Inbox.schema])
            let inbox = try Inbox(store, window: window, wallClock: clock.read)
            try await body(inbox, clock)
            try await inbox.close()
        }
    }

    @discardableResult
    private func book(_ job: Handed, _ inbox: Inbox, _ step: String = "main") async throws -> Receipt {
        try await job.inbox(inbox, step) { db in
            try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
            return Receipt(number: Int(db.lastInsertedRowID), text: "café")
        }
    }

    private func bookings(_ inbox: Inbox) async throws -> Int {
        try await inbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM bookings") ?? -1 }
    }

    private func notes(_ inbox: Inbox) async throws -> Int {
        try await inbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM pond_inbox") ?? -1 }
    }

    @Test func `a job that comes again has one effect and the answer of the first time`() async throws {
        try await withInbox { inbox, _ in
            let first = try await book(try Handed(), inbox)
            let second = try await book(try Handed(fence: 3), inbox)
            #expect(first == Receipt(number: 1, text: "café") && second == first)
            #expect(try await bookings(inbox) == 1)
        }
    }

    @Test func `work without an answer is done once as well`() async throws {
        try await withInbox { inbox, _ in
            for _ in 0..<3 {
                try await Handed().inbox(inbox) { db in
                    try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
                }
            }
            #expect(try await bookings(inbox) == 1)
        }
    }

    @Test func `an effect is done once for a key, whatever job has it`() async throws {
        try await withInbox { inbox, _ in
            let first = try await book(try Handed(id: "1-0", key: "order\u{0}7"), inbox)
            #expect(try await book(try Handed(id: "2-0", key: "order\u{0}7"), inbox) == first)
            #expect(try await bookings(inbox) == 1)
            try await book(try Handed(id: "3-0", key: "order\u{0}8"), inbox)
            // A key that looks like an id is not that id.
            try await book(try Handed(id: "4-0", key: "5-0"), inbox)
            try await book(try Handed(id: "5-0"), inbox)
            #expect(try await bookings(inbox) == 4)
        }
    }

    @Test func `steps, jobs and queues have notes of their own`() async throws {
        try await withInbox { inbox, _ in
            for step in ["book", "bill"] { try await book(try Handed(), inbox, step) }
            try await book(try Handed(id: "2-0"), inbox, "book")
            try await book(try Handed(queue: "returns"), inbox, "book")
            #expect(try await bookings(inbox) == 4)
        }
    }

    @Test func `a key that stood for something else is refused`() async throws {
        try await withInbox { inbox, _ in
            try await book(try Handed(id: "1-0", data: "7", key: "a"), inbox)
            for other in [
                try Handed(id: "2-0", data: "8", key: "a"), try Handed(id: "2-0", kind: "b", data: "7", key: "a"),
            ] {
                let error = await #expect(throws: InboxError.self) { try await book(other, inbox) }
                #expect(error?.code == .mismatch)
                #expect(error?.message.contains("orders/2-0, step main: job 1-0 of another kind") == true)
            }
            #expect(try await bookings(inbox) == 1)
        }
    }

    @Test func `what throws leaves neither effect nor note`() async throws {
        try await withInbox { inbox, _ in
            struct NoStock: Error {}
            await #expect(throws: NoStock.self) {
                try await Handed().inbox(inbox) { db in
                    try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
                    throw NoStock()
                }
            }
            #expect(try await bookings(inbox) == 0)
            #expect(try await notes(inbox) == 0)
            try await book(try Handed(), inbox)
            #expect(try await bookings(inbox) == 1)
        }
    }

    @Test func `an answer that is too large or no JSON undoes the work`() async throws {
        try await withInbox { inbox, _ in
            let large = await #expect(throws: InboxError.self) {
                try await Handed().inbox(inbox) { db in
                    try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
                    return String(repeating: "x", count: SQLiteLimits.inboxAnswerBytesMax)
                }
            }
            #expect(large?.code == .answerTooLarge && large?.message.contains("allowed are 65536") == true)
            let strange = await #expect(throws: InboxError.self) {
                try await Handed().inbox(inbox) { db in
                    try db.execute(sql: "INSERT INTO bookings DEFAULT VALUES")
                    return Double.nan
                }
            }
            #expect(strange?.code == .unencodableAnswer)
            let count = try await bookings(inbox)
            #expect(count == 0)
        }
    }

    @Test func `an answer of another type is named`() async throws {
        try await withInbox { inbox, _ in
            try await book(try Handed(), inbox)
            let typed = await #expect(throws: InboxError.self) { try await Handed().inbox(inbox) { _ in 1 } }
            #expect(typed?.code == .undecodableAnswer && typed?.message.contains("its answer is no Int") == true)
            try await Handed().inbox(inbox, "silent") { _ in }
            let silent = await #expect(throws: InboxError.self) { try await Handed().inbox(inbox, "silent") { _ in 1 } }
            #expect(silent?.message.contains("left no answer") == true)
            #expect(try await bookings(inbox) == 1)
        }
    }

    @Test(arguments: ["", "a\u{0}b", String(repeating: "x", count: 129)])
    func `a step's name has bounds`(step: String) async throws {
        try await withInbox { inbox, _ in
            let error = await #expect(throws: InboxError.self) { try await book(try Handed(), inbox, step) }
            #expect(error?.code == .invalidStep)
        }
    }

    @Test(arguments: [Duration.seconds(3_599), .seconds(11 * 366 * 86_400)])
    func `a window out of bounds is refused`(window: Duration) {
        #expect(throws: PondError.self) { try Inbox(path: "/none", window: window) }
    }

    @Test func `a store without the inbox's table is refused`() {
        let error = #expect(throws: PondError.self) { try Inbox(SQLiteStore(path: "/none", schemas: [])) }
        #expect(error?.message.contains("Inbox.schema") == true)
    }

    @Test func `notes past the window are thrown out, and no others`() async throws {
        try await withInbox { inbox, clock in
            for n in 0..<1_500 { try await Handed(id: "\(n)-0").inbox(inbox) { _ in } }
            clock.advance(by: .seconds(7_000))
            try await Handed(id: "late").inbox(inbox) { _ in }
            #expect(try await inbox.purge() == 0)
            clock.advance(by: .seconds(300))
            #expect(try await inbox.purge() == 1_500)
            #expect(try await notes(inbox) == 1)
        }
    }

    @Test func `the inbox throws out old notes as it goes`() async throws {
        try await withInbox { inbox, clock in
            for n in 0..<500 { try await Handed(id: "\(n)-0").inbox(inbox) { _ in } }
            clock.advance(by: .seconds(8_000))
            for n in 500..<700 { try await Handed(id: "\(n)-0").inbox(inbox) { _ in } }
            #expect(try await notes(inbox) == 200)
        }
    }

    @Test func `many deliveries of a job at once have one effect`() async throws {
        try await withInbox { inbox, _ in
            let receipts = try await withThrowingTaskGroup(of: Receipt.self) { group in
                for fence in 0..<50 { group.addTask { try await book(try Handed(fence: fence), inbox) } }
                return try await group.reduce(into: [Receipt]()) { $0.append($1) }
            }
            #expect(receipts.count == 50 && receipts.allSatisfy { $0.number == 1 })
            #expect(try await bookings(inbox) == 1)
        }
    }
}
