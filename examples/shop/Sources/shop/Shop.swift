import GRDB
import Millpond
import PondSQLite

struct Order: Codable, Sendable {
    var number: Int
    var email: String
}

/// Books an order once, and has its receipt sent if, and only if, it was booked.
struct BookOrder: JobHandler {
    static let kind = "order.book"
    let inbox: Inbox
    let outbox: Outbox

    func run(_ order: Order, _ job: JobContext) async throws {
        _ = try await job.inbox(inbox, "book") { db in
            try db.execute(sql: "INSERT INTO orders VALUES (?, ?)", arguments: [order.number, order.email])
            return try outbox.enqueue(try NewJob(SendReceipt.self, order), to: Shop.queue, causedBy: job, in: db)
        }
    }
}

struct SendReceipt: JobHandler {
    static let kind = "receipt.send"

    func run(_ order: Order, _ job: JobContext) async throws {
        job.logger.info("receipt sent", metadata: ["to": "\(order.email)"])
    }
}

@main struct Shop: MillpondApp {
    static let queue = "shop"
    static let orders = SQLiteSchema(
        name: "orders",
        steps: ["CREATE TABLE orders (number INTEGER PRIMARY KEY, email TEXT NOT NULL) STRICT"]
    )
    let inbox: Inbox
    let outbox: Outbox

    init() async throws {
        try self.init(file: "shop.sqlite")
    }

    init(file: String) throws {
        let store = SQLiteStore(path: file, schemas: [Shop.orders, Inbox.schema, Outbox.schema])
        (inbox, outbox) = (try Inbox(store), try Outbox(store))
    }

    var jobs: some JobRegistry {
        BookOrder(inbox: inbox, outbox: outbox).retrying(times: 5)
        SendReceipt()
    }

    var middleware: [any JobMiddleware] { [Endings()] }

    func services(on pond: Pond) throws -> [any Service] {
        [OutboxRelay(outbox, to: pond)]
    }
}
