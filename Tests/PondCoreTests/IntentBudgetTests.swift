import PondCore
import Testing

/// What a budget's text says, and what is no budget.
@Suite struct IntentBudgetTests {
    @Test func `a text that people write is read to the micro-dollar`() throws {
        let budget = try IntentBudget("usd=0.45, calls=20, tokens=100k, wall=1h30m, on_exhausted=pause, tenant=acme")
        #expect(budget.limits == [.usd: 450_000, .calls: 20, .tokens: 100_000])
        #expect(budget.wall == .seconds(5_400) && budget.onExhausted == .pause && budget.tenant == "acme")
        #expect(try IntentBudget("usd=$0.000001,cpu=1500ms").limits == [.usd: 1, .cpu: 1_500])
        #expect(try IntentBudget("usd=1,undo_usd=0.25").undoReserve == [.usd: 250_000])
    }

    @Test(arguments: [
        "usd=0.45,calls=20,wall=1h", "tokens=3M,cpu=2m,retries=7,undo_tokens=5k", "tenant=a", "inherit", "",
    ])
    func `what is written to the wire is read back as the same`(text: String) throws {
        let budget = try IntentBudget(text)
        #expect(try IntentBudget(budget.description) == budget)
    }

    @Test(arguments: [
        "usd", "usd=", "usd=x", "usd=-1", "usd=0.0000001", "usd=1e3", "usd=9999999999", "calls=1.5", "tokens=1kk",
        "wall=0s", "wall=never", "on_exhausted=explode", "tenant=", "tenant=a@b", "undo_usd=1", "undo_wall=1h",
        "euro=1",
        "usd=50/day",
    ])
    func `what is no budget is refused, and the refusal names the part`(text: String) throws {
        let error = #expect(throws: PondError.self) { try IntentBudget(text) }
        #expect(error?.message.hasPrefix("budget: ") == true, "\(text): \(String(describing: error))")
    }

    @Test func `an entry with a budget that cannot be meant is no job`() throws {
        #expect(try Entry.with("intent_budget", "usd=0.5").job().intentBudget == "usd=0.5")
        #expect(throws: Malformation.self) { try Entry.with("intent_budget", "usd=lots").job() }
    }

    @Test func `a child shares the budget of its intent, and a job of another intent does not`() throws {
        let parent = try Entry("kind", "a", "correlation_id", "i", "intent_budget", "usd=0.5").job()
        let child = NewJob(kind: try JobKind("b")).caused(by: parent)
        #expect(child.options.intentBudget == .inherited)
        var other = NewJob(kind: try JobKind("b"))
        other.options.correlationID = "another"
        #expect(other.caused(by: parent).options.intentBudget == nil)
        let plain = try Entry("kind", "a").job()
        #expect(NewJob(kind: try JobKind("b")).caused(by: plain).options.intentBudget == nil)
    }
}
