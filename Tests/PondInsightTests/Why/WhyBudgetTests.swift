import PondCore
import PondInsight
import PondQueue
import PondTestKit
import Testing

/// What is said of a job that rests because the budget of its intent is used up.
@Suite(.redis) struct WhyBudgetTests {
    @Test func `a job that rests for its intent's budget says what for, and how to go on`() async throws {
        try await WhyPlace.run { place in
            var options = EnqueueOptions()
            options.correlationID = "run-42"
            let id = try await place.add("order.charge", options)
            let delivery = try #require(try await place.queue.fetch(as: Consumer("ann"), atMost: 1).deliveries.first)
            let rest = Outcome.rests(for: .seconds(600), reason: "usd of intent run-42 is used up")
            let settlement = Settlement(receipt: delivery.receipt, id: id, outcome: rest)
            _ = try await place.queue.settle([settlement], as: Consumer("ann"))
            let report = try await place.why(id)
            #expect(report.reason == .budgetExhausted)
            #expect(report.detail.contains("usd of intent run-42 is used up"), "\(report.detail)")
            #expect(report.actions.map(\.text).contains { $0.hasPrefix("pond budget top-up run-42") })
        }
    }
}
