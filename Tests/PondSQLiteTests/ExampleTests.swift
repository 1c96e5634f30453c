import Logging
import PondCore
import PondSQLite
import PondTestKit
import Testing

@Suite struct ExampleTests {
    @Test func `the example books once and sends one mail`() async throws {
        try await withFolder { folder in
            let (inbox, outbox) = try open("\(folder)/orders.sqlite")
            let order = Order(number: 7, email: "a@b.c")
            for fence in 0..<2 { #expect(try await book(order, try Handed(fence: fence), inbox) == 1) }
            try await accept(Order(number: 8, email: "a@b.c"), outbox)
            let sink = KeyedSink()
            #expect(try await OutboxTests.relay(outbox, sink).shipOnce() == 1)
            #expect(sink.texts("mails") == ["a@b.c"])
            try await outbox.close()
        }
    }
}
