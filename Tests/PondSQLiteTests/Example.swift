// The code on the page docs/inbox-outbox.md; a test compares the two.

import GRDB
import PondCore
import PondSQLite

struct Order: Codable, Sendable {
    var number: Int
    var email: String
}

enum Orders {
    static let schema = SQLiteSchema(
        name: "orders",
        steps: ["CREATE TABLE orders (number INTEGER PRIMARY KEY, seat INTEGER NOT NULL) STRICT"]
    )
}

/// Called by a handler, with its `JobContext` as the job.
func book(_ order: Order, _ job: some DeliveredJob, _ inbox: Inbox) async throws -> Int {
    try await job.inbox(inbox, "book") { db in
        let seat = try Int.fetchOne(db, sql: "SELECT ifnull(max(seat), 0) + 1 FROM orders") ?? 1
        try db.execute(sql: "INSERT INTO orders VALUES (?, ?)", arguments: [order.number, seat])
        return seat
    }
}

/// Called by whatever takes orders, as a web server.
func accept(_ order: Order, _ outbox: Outbox) async throws {
    try await outbox.write { db in
        try db.execute(sql: "INSERT INTO orders VALUES (?, 0)", arguments: [order.number])
        let mail = NewJob(kind: try JobKind("mail.confirm"), data: Array(order.email.utf8))
        try outbox.enqueue(mail, to: "mails", in: db)
    }
}

/// One file for both: the effect of a job and the jobs that follow from it.
func open(_ path: String) throws -> (inbox: Inbox, outbox: Outbox) {
    let store = SQLiteStore(path: path, schemas: [Orders.schema, Inbox.schema, Outbox.schema])
    return (try Inbox(store), try Outbox(store))
}
