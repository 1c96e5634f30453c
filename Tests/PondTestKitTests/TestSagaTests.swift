import PondCore
import PondSaga
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// What happened outside, in order.
private final class Ledger: Sendable {
    private let entries = Mutex<[String]>([])

    var all: [String] { entries.withLock { $0 } }
    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    func count(_ entry: String) -> Int { all.count { $0 == entry } }
}

private struct Away: Error {}

/// A handler made on the spot.
private func makeSaga(
    retrying times: Int = 3,
    _ run: @escaping @Sendable (JobContext) async throws -> Void
) throws -> TestSaga {
    let registration = JobRegistration(kind: "flow", run: run).retrying(times: times)
    return try TestSaga(registration, RawPayload(Array("{}".utf8)))
}

/// Sagas in memory: what steps promise, without Redis.
struct TestSagaTests {
    @Test func `a step that is done is not run again, and gives the same result`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            let account = try await job.step("account") { step in
                ledger.add("create \(step.key)")
                return ["id": 7]
            }
            #expect(account == ["id": 7])
            try await job.step("letter") { _ in
                ledger.add("letter")
                if job.attempt == 1 { throw Away() }
            }
        }
        try await saga.run()
        #expect(saga.state == .done && saga.steps == ["account", "letter"])
        #expect(ledger.all == ["create 1-0:account", "letter", "letter"])
    }

    @Test
    func `a worker that dies after a step goes on behind it, and one that dies in it runs it again with the same key`()
        async throws
    {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            for name in ["a", "b", "c"] {
                try await job.step(name) { ledger.add("\($0.key) \($0.attempt)") }
            }
        }
        saga.crash(during: "b")
        try await saga.run()
        #expect(saga.state == .done)
        #expect(ledger.all == ["1-0:a 1", "1-0:b 1", "1-0:b 2", "1-0:c 1"])
    }

    @Test func `what must not be run twice pauses the saga after a crash`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("mail", effect: .once) { _ in ledger.add("mail") }
        }
        saga.crash(during: "mail")
        try await saga.run()
        #expect(saga.state == .paused && saga.reason == "step_unknown: mail" && ledger.all == ["mail"])
    }

    @Test func `a probe says whether a step has happened, and it is not run again`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            let id = try await job.step("charge", effect: .query) { _ in
                ledger.add("charge")
                return 5
            } probe: { _ in
                ledger.count("charge") > 0 ? 5 : nil
            }
            #expect(id == 5)
        }
        saga.crash(during: "charge")
        try await saga.run()
        #expect(saga.state == .done && ledger.all == ["charge"])
    }

    @Test func `a sleep needs no worker, and goes on from where it was`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("a") { _ in ledger.add("a") }
            try await job.sleep("cool-off", for: .seconds(86_400))
            try await job.step("b") { _ in ledger.add("b") }
        }
        try await saga.run()
        #expect(saga.state == .waiting && saga.waitsFor == ["cool-off"] && ledger.all == ["a"])
        saga.advance(by: .seconds(86_399))
        #expect(saga.state == .waiting)
        saga.advance(by: .seconds(1))
        try await saga.run()
        #expect(saga.state == .done && ledger.all == ["a", "b"])
    }

    @Test func `a short sleep is waited out on the spot`() async throws {
        let saga = try makeSaga { job in try await job.sleep("breath", for: .milliseconds(200)) }
        let start = saga.clock.now
        try await saga.run()
        #expect(saga.state == .done && saga.steps.isEmpty && start.duration(to: saga.clock.now) == .milliseconds(200))
    }

    @Test func `an answer is had early and late, and after its time there is none`() async throws {
        func flow() throws -> TestSaga {
            try makeSaga { job in
                let paid: Int = try await job.callback("payment", within: .seconds(60)) { step in
                    #expect(step.token.count == 43)
                }
                try await job.step("paid") { _ in #expect(paid == 12) }
            }
        }
        let late = try flow()
        try await late.run()
        #expect(late.waitsFor == ["payment"])
        try late.answer("payment", with: 12)
        try await late.run()
        #expect(late.state == .done && late.steps == ["payment", "paid"])

        let never = try flow()
        try await never.run()
        never.advance(by: .seconds(60))
        let performed = try await never.run()
        #expect(never.state == .failed)
        #expect(performed.outcome == .dead(cause: Cause("timed_out"), error: "timed out"))
    }

    @Test func `an answer that comes while the question is sent is not lost`() async throws {
        let holder = Mutex<TestSaga?>(nil)
        let saga = try makeSaga { job in
            let paid: Int = try await job.callback("payment") { _ in
                try holder.withLock { $0 }?.answer("payment", with: 3)
            }
            #expect(paid == 3)
        }
        holder.withLock { $0 = saga }
        try await saga.run()
        #expect(saga.state == .done)
        holder.withLock { $0 = nil }
    }

    @Test func `an answer counts, though sending the question failed`() async throws {
        let holder = Mutex<TestSaga?>(nil)
        let saga = try makeSaga { job in
            let paid: Int = try await job.callback("payment", retries: 3) { _ in
                try holder.withLock { $0 }?.answer("payment", with: 3)
                throw Away()
            }
            #expect(paid == 3)
        }
        holder.withLock { $0 = saga }
        try await saga.run()
        #expect(saga.state == .done)
        holder.withLock { $0 = nil }
    }

    @Test func `a worker that dies while it sends sends the same token again`() async throws {
        let tokens = Ledger()
        let saga = try makeSaga { job in
            let _: Int = try await job.callback("payment") { tokens.add($0.token) }
        }
        saga.crash(during: "payment")
        try await saga.run()
        #expect(tokens.all.count == 2 && Set(tokens.all).count == 1 && saga.state == .waiting)
    }

    @Test func `a signal that nobody waits for yet is kept`() async throws {
        let saga = try makeSaga { job in
            let first: String = try await job.signal("word")
            let second: String = try await job.signal("word")
            #expect([first, second] == ["a", "b"])
        }
        try saga.signal("word", with: "a")
        try await saga.run()
        #expect(saga.waitsFor == ["word#2"])
        try saga.signal("word", with: "b")
        try await saga.run()
        #expect(saga.state == .done)
    }

    @Test func `a saga that fails undoes what it did, the newest first, each under a key of its own`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            for name in ["a", "b"] {
                try await job.step(name) { _ in
                    ledger.add(name)
                    return name
                } undo: { value, step in
                    ledger.add("undo \(value) \(step.key)")
                }
            }
            try await job.step("c") { _ in
                throw GiveUp("no", cause: "declined")
            } undo: { _ in
                ledger.add("undo c")
            }
        }
        let performed = try await saga.run()
        #expect(performed.outcome == .compensated && saga.state == .compensated)
        #expect(saga.reason == "declined: no" && saga.undone == ["b", "a"])
        #expect(ledger.all == ["a", "b", "undo b 1-0:b:undo", "undo a 1-0:a:undo"])
    }

    @Test func `tries that are used up turn it round, and what may have happened is undone too`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga(retrying: 2) { job in
            try await job.step("a") { _ in
                1
            } undoAlways: { value, _ in
                ledger.add("undo a \(value ?? 0)")
            }
            try await job.step("b") { _ -> Int in
                throw Away()
            } undoAlways: { value, _ in
                ledger.add("undo b \(value.map { "\($0)" } ?? "?")")
            }
        }
        try await saga.run()
        #expect(saga.state == .compensated && ledger.all == ["undo b ?", "undo a 1"])
    }

    @Test func `an undo that needs a result that nobody has asks a person`() async throws {
        let saga = try makeSaga(retrying: 1) { job in
            try await job.step("charge") { _ -> Int in
                throw Away()
            } undo: { _, _ in
            }
        }
        let performed = try await saga.run()
        #expect(saga.state == .stuck)
        guard case .dead(cause: let cause, error: let error) = performed.outcome else {
            Issue.record("it is not dead but \(performed.outcome)")
            return
        }
        #expect(cause == .sagaStuck && error.contains(UndoPolicy.needsResult))
    }

    @Test func `an undo is tried twenty times, and then it is stuck`() async throws {
        let tries = Ledger()
        let saga = try makeSaga { job in
            try await job.step("a") { _ in
            } undo: { _ in
                tries.add("undo")
                throw Away()
            }
            throw GiveUp("no")
        }
        let start = saga.clock.now
        let performed = try await saga.run()
        #expect(saga.state == .stuck && tries.all.count == 20)
        #expect(start.duration(to: saga.clock.now) > .seconds(16 * 3_600))
        guard case .dead(cause: .sagaStuck, error: let error) = performed.outcome else {
            Issue.record("it is not dead but \(performed.outcome)")
            return
        }
        #expect(error.contains("step a cannot be undone: Away"))
    }

    @Test func `a worker that dies in an undo undoes again, and goes on`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            for name in ["a", "b"] {
                try await job.step(name) { _ in
                } undo: {
                    ledger.add("\(name) \($0.attempt)")
                }
            }
            throw GiveUp("no")
        }
        saga.crash(duringUndoOf: "b")
        try await saga.run()
        #expect(saga.state == .compensated && ledger.all == ["b 1", "b 2", "a 1"])
    }

    @Test func `a saga that is cancelled while it waits is undone and ends as cancelled`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("a") { _ in
            } undo: { _ in
                ledger.add("undo a")
            }
            try await job.sleep("long", for: .seconds(3_600))
            try await job.step("b") { _ in
                ledger.add("b")
            } undo: { _ in
                ledger.add("undo b")
            }
        }
        try await saga.run()
        saga.cancel()
        let performed = try await saga.run()
        #expect(performed.outcome == .cancelled && saga.state == .cancelled && ledger.all == ["undo a"])
    }

    @Test func `a signal that the handler cannot read stops no undo`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("charge") { _ in
            } undo: { _ in
                ledger.add("undo charge")
            }
            let word: String = try await job.signal("approved")
            ledger.add(word)
        }
        try await saga.run()
        try saga.signal("approved", with: ["by": "ann"])
        try await saga.run()
        #expect(saga.state == .paused)
        #expect(saga.reason == "plan_mismatch: approved: its result does not decode as String")
        saga.cancel()
        try await saga.run()
        #expect(saga.state == .cancelled && ledger.all == ["undo charge"])
    }

    @Test func `a job that failed before it remembered anything has failed`() async throws {
        let saga = try makeSaga { job in
            do { try await job.sleep("long", for: .seconds(60)) } catch {}
        }
        let performed = try await saga.run()
        guard case .dead = performed.outcome else {
            Issue.record("\(performed.outcome)")
            return
        }
        #expect(saga.state == .failed)
    }

    @Test func `a handler that catches a step's failure goes another way, and the same way when it undoes`()
        async throws
    {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            do {
                try await job.step("card") { _ in throw GiveUp("no", cause: "declined") }
            } catch let error as GiveUp where error.cause == "declined" {
                try await job.step("invoice") { _ in
                } undo: { _ in
                    ledger.add("undo invoice")
                }
            }
            throw GiveUp("late")
        }
        try await saga.run()
        #expect(saga.state == .compensated && ledger.all == ["undo invoice"])
    }

    @Test func `behind the pivot it goes forward, and pauses where it cannot`() async throws {
        let saga = try makeSaga(retrying: 1) { job in
            try await job.step("charge", pivot: true) { _ in
            } undo: { _ in
                Issue.record("undone")
            }
            throw GiveUp("no", cause: "gone")
        }
        try await saga.run()
        #expect(saga.state == .paused && saga.reason == "forward_only: gone: no" && saga.undone.isEmpty)
    }

    @Test func `a step with another input, kind or result than is stored pauses the saga`() async throws {
        let change = Mutex(0)
        func flow() throws -> TestSaga {
            change.withLock { $0 = 0 }
            return try makeSaga { job in
                let change = change.withLock { $0 }
                if change == 3 {
                    try await job.sleep("a", for: .seconds(9))
                } else if change == 2 {
                    _ = try await job.step("a") { _ in ["another type"] }
                } else {
                    _ = try await job.step("a", input: change) { _ in 1 }
                }
                try await job.sleep("pause", for: .seconds(60))
            }
        }
        for number in 1...3 {
            let saga = try flow()
            try await saga.run()
            change.withLock { $0 = number }
            saga.advance(by: .seconds(60))
            try await saga.run()
            let what = number == 2 ? ": its result does not decode as Array<String>" : ""
            #expect(saga.state == .paused && saga.reason == "plan_mismatch: a\(what)", "change \(number)")
        }
    }

    @Test func `a handler that returns though it waits is told so`() async throws {
        let saga = try makeSaga(retrying: 1) { job in
            try? await job.sleep("long", for: .seconds(60))
        }
        let performed = try await saga.run()
        guard case .dead(cause: .attemptsExhausted, error: let error) = performed.outcome else {
            Issue.record("it is not dead but \(performed.outcome)")
            return
        }
        #expect(error.contains("waits for long"))
    }

    @Test func `steps and waits run beside each other`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            async let nap: Void = job.sleep("nap", for: .seconds(60))
            async let word: String = job.signal("word")
            async let left = job.step("left") { _ in 1 }
            async let right = job.step("right") { _ in 2 }
            let sum = try await left + right
            try await job.step("sum") { _ in ledger.add("\(sum)") }
            try await nap
            ledger.add(try await word)
        }
        try await saga.run()
        #expect(saga.state == .waiting && Set(saga.waitsFor) == ["nap", "word"] && ledger.all == ["3"])
        try saga.signal("word", with: "hello")
        try await saga.run()
        #expect(saga.state == .waiting && saga.waitsFor == ["nap"])
        saga.advance(by: .seconds(60))
        try await saga.run()
        #expect(saga.state == .done && ledger.all == ["3", "hello"])
    }

    @Test func `tries of a step's own do not count as the job's`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga(retrying: 1) { job in
            try await job.step("a", retries: 3) { step in
                ledger.add("\(step.attempt) \(job.attempt)")
                if step.attempt < 4 { throw Away() }
            }
        }
        try await saga.run()
        #expect(saga.state == .done && ledger.all == ["1 1", "2 1", "3 1", "4 1"])

        let gone = try saga2(ledger)
        let performed = try await gone.run()
        #expect(performed.outcome == .dead(cause: .attemptsExhausted, error: "Away: Away()"))
    }

    private func saga2(_ ledger: Ledger) throws -> TestSaga {
        try makeSaga(retrying: 8) { job in try await job.step("a", retries: 1) { _ in throw Away() } }
    }

    @Test func `what goes forward leaves the money that undoing needs`() async throws {
        let ledger = Ledger()
        let registration = JobRegistration(kind: "flow") { job in
            try await job.step("a") { _ in
                try job.spend(usd: 0.5)
            } undo: { _ in
                try job.spend(usd: 0.3)
                ledger.add("undone")
            }
            try await job.step("b") { _ in try job.spend(usd: 0.25) }
        }
        let saga = try TestSaga(registration.budget(usd: 1, undoReserve: 0.3), RawPayload([]))
        try await saga.run()
        #expect(saga.state == .compensated && ledger.all == ["undone"])
        #expect(saga.reason.contains("$0.750000 of the allowed $0.700000; $0.300000 of its budget is kept for undoing"))
        let rich = try TestSaga(registration.budget(usd: 1.1, undoReserve: 0.3), RawPayload([]))
        try await rich.run()
        #expect(rich.state == .done)
        // A producer's budget goes before the kind's.
        var job = TestJob()
        job.options.budget = Budget(usd: 0.7)
        let poor = try TestSaga(registration.budget(usd: 2, undoReserve: 0.3), RawPayload([]), job: job)
        try await poor.run()
        #expect(poor.state == .compensated && poor.reason.contains("of the allowed $0.400000"))
    }

    @Test(arguments: [USD(1), USD(1.5), USD(-0.1)])
    func `a reserve that leaves nothing of the budget is refused`(reserve: USD) async throws {
        let registration = JobRegistration(kind: "flow") { _ in }.budget(usd: 1, undoReserve: reserve)
        let saga = try TestSaga(registration, RawPayload([]))
        await #expect(throws: PondError.self) { try await saga.run() }
    }

    @Test func `a result that is too long ends the saga with advice`() async throws {
        let saga = try makeSaga { job in
            _ = try await job.step("page") { _ in String(repeating: "a", count: Limits.stepResultBytesMax) }
        }
        let performed = try await saga.run()
        guard case .dead(cause: .result, error: let error) = performed.outcome else {
            Issue.record("it is not dead but \(performed.outcome)")
            return
        }
        #expect(error.contains("store it yourself"))
    }
}

/// Fan-outs in memory.
struct TestSagaFanOutTests {
    private struct Fetch: JobHandler {
        static let kind = "page.fetch"
        struct Page: Codable, Sendable, Hashable {
            var url: String
        }
        func run(_ payload: Page, _ job: JobContext) async throws -> Int { payload.url.count }
    }

    @Test func `children are joined, their results in the order of the items`() async throws {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            let sizes = try await job.fanOut("pages", Fetch.self, over: ["a", "bb", "ccc"]) { Fetch.Page(url: $0) }
            ledger.add("\(sizes)")
        }
        try await saga.run()
        #expect(saga.waitsFor == ["pages"] && saga.children(of: "pages").count == 3)
        for index in [2, 0, 1] { try saga.endChild(index, of: "pages", with: index + 1) }
        try await saga.run()
        #expect(saga.state == .done && ledger.all == ["[1, 2, 3]"])
    }

    @Test func `one that dies ends the wait, and enough of them are enough`() async throws {
        let strict = try makeSaga { job in
            _ = try await job.fanOut("pages", Fetch.self, over: ["a", "b"]) { Fetch.Page(url: $0) }
        }
        try await strict.run()
        strict.failChild(1, of: "pages")
        let performed = try await strict.run()
        guard case .dead(cause: Cause("children_failed"), error: _) = performed.outcome else {
            Issue.record("it is not dead but \(performed.outcome)")
            return
        }
        let ledger = Ledger()
        let some = try makeSaga { job in
            let sizes = try await job.fanOut("pages", Fetch.self, over: ["a", "b", "c"], atLeast: 2) {
                Fetch.Page(url: $0)
            }
            ledger.add(sizes.map { $0.map { "\($0)" } ?? "-" }.joined(separator: " "))
        }
        try await some.run()
        some.failChild(0, of: "pages")
        try some.endChild(1, of: "pages", with: 8)
        try some.endChild(2, of: "pages", with: 9)
        try await some.run()
        #expect(some.state == .done && ledger.all == ["- 8 9"])
    }

    @Test func `what children did is undone by the fan-out's undo, with their results, before what was done earlier`()
        async throws
    {
        let ledger = Ledger()
        let saga = try makeSaga { job in
            try await job.step("account") { _ in
            } undo: { _ in
                ledger.add("account")
            }
            _ = try await job.fanOut("pages", Fetch.self, over: ["a", "b"], limit: 2) {
                Fetch.Page(url: $0)
            } undo: { sizes, step in
                ledger.add("\(step.key) \(sizes.map { $0.map { "\($0)" } ?? "-" })")
            }
        }
        try await saga.run()
        try saga.endChild(0, of: "pages", with: 7)
        saga.cancel()
        try await saga.run()
        #expect(saga.state == .cancelled && saga.undone == ["pages", "account"])
        #expect(ledger.all == ["1-0:pages:undo [\"7\", \"-\"]", "account"])
    }

    @Test func `a fan-out over nothing is nothing`() async throws {
        let saga = try makeSaga { job in
            let none = try await job.fanOut("pages", Fetch.self, over: [String]()) { Fetch.Page(url: $0) }
            #expect(none.isEmpty)
        }
        try await saga.run()
        #expect(saga.state == .done)
    }
}

/// One try of a handler that says steps.
struct PerformSagaTests {
    @Test func `perform remembers steps for one try`() async throws {
        let registration = JobRegistration(kind: "flow") { job in
            let seven = try await job.step("a") { _ in 7 }
            #expect(seven == 7)
        }
        let performed = try await perform(registration, RawPayload([]))
        #expect(performed.outcome == .done && performed.error == nil)
    }
}
