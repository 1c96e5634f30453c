import PondCore
import PondQueue
import PondTestKit
import Testing

/// `pond budget`, `pond prices` and what they are shown by, run as a program.
@Suite(.redis) struct BudgetCommandTests {
    @Test func `a job with a budget is enqueued, and its budget is shown, topped up and closed`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let ledger = queue.pond.ledger
        let added = try await desk.run(
            "enqueue pond.echo --queue emails --correlation-id run-42 --budget usd=0.45,calls=20 --on-exhausted pause --tenant acme"
        )
        #expect(added.code == 0)
        let delivery = try #require(try await queue.fetch(as: Consumer("ann"), atMost: 1).deliveries.first)
        let text = try #require(try delivery.job.get().intentBudget)
        #expect(try IntentBudget(text) == IntentBudget("usd=0.45,calls=20,on_exhausted=pause,tenant=acme"))
        #expect(try await desk.run("budget show run-42").code == 3)
        #expect(try await ledger.open("intent:run-42", IntentBudget(text)) == .ok)
        _ = try await ledger.reserve("intent:run-42", "a", Usage(usd: 0.4, calls: 1), for: .seconds(60))
        let shown = try await desk.run("budget show run-42 --check")
        #expect(shown.code == 0 && shown.output.contains("has the same sums"))
        #expect(shown.output.contains("usd    $0.450000  $0.000000  $0.400000  $0.050000"))
        let more = try await desk.run("budget top-up run-42 usd=0.05,calls=1 --json")
        #expect(more.code == 0)
        let parts = try #require(try more.json()["budget"]?["parts"])
        #expect(parts[0]?["limit"] == .number(500_000) && parts[0]?["free"] == .number(100_000))
        #expect(try await desk.run("budget close run-42").output == "intent:run-42 is closed\n")
        #expect(try await desk.run("budget top-up run-42 usd=1").code == 5)
    }

    @Test func `budgets of tenants are set, listed and cleared`() async throws {
        let desk = try Desk()
        _ = try await desk.queue()
        #expect(try await desk.run("budget set tenant:acme usd=50/day").output == "set tenant:acme to usd=50/day\n")
        #expect(try await desk.run("budget list").output.contains("tenant:acme  usd=50/day"))
        #expect(try await desk.run("budget set tenant:acme usd=50/year").code != 0)
        #expect(try await desk.run("budget clear tenant:acme").code == 0)
        #expect(try await desk.run("budget clear tenant:acme").code == 3)
    }

    @Test(arguments: [
        "enqueue a --budget usd=lots", "enqueue a --on-exhausted pause",
        "enqueue a --budget usd=1 --on-exhausted explode",
        "enqueue a --tenant a@b", "budget show x --entries 2000", "budget list --limit 0", "budget top-up x",
    ])
    func `what is no budget is a wrong command line`(line: String) async throws {
        #expect(try await Desk().run(line).code == 2)
    }
}
