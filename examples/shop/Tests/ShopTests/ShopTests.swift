import Foundation
import GRDB
import Millpond
import PondSQLite
import PondTestKit
import Testing

@testable import shop

let order = Order(number: 7, email: "ann@example.org")

/// A shop whose file is the test's own.
func withShop(_ body: (Shop) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "shop-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // A folder that stays behind disturbs nothing.
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(try Shop(file: folder.appending(path: "shop.sqlite").path))
}

extension Shop {
    func bookedOrders() async throws -> Int {
        try await outbox.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM orders") ?? 0 }
    }
}

// Without Redis: single tries of a handler.
struct BookOrderTests {
    @Test func `an order that is delivered twice is booked once, with one receipt`() async throws {
        try await withShop { shop in
            let handler = BookOrder(inbox: shop.inbox, outbox: shop.outbox)
            for recoveries in 0...1 {
                let job = TestJob { $0.recoveries = recoveries }
                let performed = try await perform(handler, order, job: job, middleware: shop.middleware)
                #expect(performed.outcome == .done)
                #expect(performed.logs.map(\.message) == ["ended"])
            }
            #expect(try await shop.bookedOrders() == 1)
            #expect(try await shop.outbox.status().unsent == 1)
        }
    }
}

// With a Redis of the suite's own: the whole way, in this process.
@Suite(.redis)
struct ShopTests {
    @Test func `a booked order has its receipt sent`() async throws {
        try await withShop { shop in
            let pond = try Pond(redis: RedisServer.current.url)
            let queue = try pond.queue(Shop.queue)
            try await queue.enqueue(BookOrder.self, order, .once("order-7"))
            try await drain(queue, jobs: shop.jobs)

            #expect(try await OutboxRelay(shop.outbox, to: pond).shipOnce() == 1)
            try await expectEnqueued(SendReceipt.self, in: queue) { $0.email == order.email }
            let drained = try await drain(queue, jobs: shop.jobs)
            #expect(drained.done == 1)
            await pond.close()
        }
    }
}
