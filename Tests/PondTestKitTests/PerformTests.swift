import Logging
import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Testing

private struct Order: Codable, Sendable {
    var id: String
    var cents: Int
}

private struct Receipt: Codable, Sendable, Equatable {
    var order: String
}

private struct Charge: JobHandler {
    static let kind = "order.charge"

    func run(_ order: Order, _ job: JobContext) async throws -> Receipt {
        try job.heartbeat(progress: 0.5, "calling the bank")
        guard order.cents > 0 else { throw GiveUp("\(order.cents) cents cannot be charged", cause: "no_amount") }
        try job.spend(usd: 0.02)
        job.logger.info("charged", metadata: ["order": "\(order.id)"])
        try await job.enqueue(Charge.self, Order(id: order.id + "-fee", cents: 1), .after(.seconds(60)))
        return Receipt(order: order.id)
    }
}

private struct Wait: JobHandler {
    static let kind = "wait"
    let clock: LocalClock

    func run(_ payload: RawPayload, _ job: JobContext) async throws {
        // A handler that waits on the clock that it was given; the test moves that.
        try await clock.sleep(.seconds(3_600))
    }
}

private struct Call: JobHandler {
    static let kind = "call"

    func run(_ payload: RawPayload, _ job: JobContext) async throws {
        let permit = try await job.limit("api.x.com", cost: 3)
        try await permit.adjust(actual: 5)
        try await permit.release()
    }
}

extension Call {
    fileprivate var timeoutOfASecond: JobRegistration { JobRegistration(self).timeout(.seconds(1)) }
}

struct PerformTests {
    @Test func `a limit that a handler asks for is granted, and the test sees what it cost`() async throws {
        let performed = try await perform(Call(), RawPayload([]))
        #expect(performed.outcome == .done)
        #expect(performed.limits == [PerformedLimit(name: "api.x.com", cost: 5, isReleased: true)])
    }

    @Test func `a limit without room for a while is waited for, and one without for long puts the job off`()
        async throws
    {
        let hand = HandClock()
        let end = hand.now + .seconds(20)
        async let late = perform(
            Call().timeoutOfASecond,
            RawPayload([]),
            job: TestJob { $0.limited = ["api.x.com": .seconds(20)] },
            clock: hand.local
        )
        // The time limit of its try, which stands still, and the wait: while both sleep, time may pass.
        let isOver = try await Waiting.until(within: .seconds(60), every: .milliseconds(1)) {
            if hand.sleepers == 2 { hand.advance(by: .seconds(1)) }
            return hand.sleepers == 0 && hand.now >= end
        }
        try #require(isOver)
        #expect(try await late.outcome == .done)
        let put = try await perform(Call(), RawPayload([]), job: TestJob { $0.limited = ["api.x.com": .seconds(31)] })
        guard case .postponed(let rest) = put.outcome else {
            Issue.record("the outcome is \(put.outcome)")
            return
        }
        #expect(rest > .seconds(30) && rest <= .seconds(31))
        #expect((put.error as? LimitReached)?.name == "api.x.com")
        #expect(put.limits.isEmpty)
    }

    @Test func `a handler's outcome, children, spending, heartbeats, logs and result are there to look at`()
        async throws
    {
        let performed = try await perform(Charge(), Order(id: "42", cents: 500))
        #expect(performed.outcome == .done)
        #expect(performed.error == nil)
        #expect(performed.spent.usd == 0.02)
        #expect(performed.heartbeats == [.init(progress: 0.5, note: "calling the bank")])
        #expect(try performed.result(as: Receipt.self) == Receipt(order: "42"))
        let child = try expectEnqueued(kind: "order.charge", among: performed.enqueued) {
            try $0.payload(as: Order.self).id == "42-fee"
        }
        #expect(child?.correlationID == "1-0")
        #expect(child?.options?.delay == .seconds(60))
        let line = try #require(performed.logs.first { $0.message == "charged" })
        #expect(line.level == .info)
        #expect(line.metadata["order"] == "42")
        #expect(line.metadata["job"] == "1-0")
    }

    @Test func `a handler that gives up makes its job dead under its cause`() async throws {
        let performed = try await perform(Charge(), Order(id: "42", cents: 0))
        guard case .dead(let cause, _) = performed.outcome else {
            Issue.record("\(performed.outcome)")
            return
        }
        #expect(cause.name == "no_amount")
        #expect(performed.error is GiveUp)
        #expect(performed.enqueued.isEmpty)
        #expect(throws: Performed.NothingReturned.self) { try performed.result(as: Receipt.self) }
    }

    @Test func `a payload that does not decode is judged as a worker would`() async throws {
        let performed = try await perform(JobRegistration(Charge()), ["no": "order"])
        guard case .dead(let cause, _) = performed.outcome else {
            Issue.record("\(performed.outcome)")
            return
        }
        #expect(cause == .undecodable)
    }

    @Test func `the last allowed try ends as exhausted, an earlier one is tried again`() async throws {
        struct Fails: Error {}
        let failing = JobRegistration(kind: "fails") { _ in throw Fails() }.retrying(times: 3)
        let early = try await perform(failing, "x", job: TestJob { $0.attempt = 2 })
        guard case .retry = early.outcome else {
            Issue.record("\(early.outcome)")
            return
        }
        let last = try await perform(failing, "x", job: TestJob { $0.attempt = 3 })
        guard case .dead(let cause, _) = last.outcome else {
            Issue.record("\(last.outcome)")
            return
        }
        #expect(cause == .attemptsExhausted)
    }

    @Test func `a budget that earlier tries have used is over at once`() async throws {
        let job = TestJob {
            $0.options.budget.usd = 0.05
            $0.spent.usd = 0.04
        }
        let performed = try await perform(Charge(), Order(id: "42", cents: 500), job: job)
        guard case .dead(let cause, _) = performed.outcome else {
            Issue.record("\(performed.outcome)")
            return
        }
        #expect(cause == .usdExhausted)
    }

    @Test func `the time of a try runs on the clock that the test moves`() async throws {
        let time = HandClock()
        let wait = JobRegistration(Wait(clock: time.local)).timeout(.seconds(30))
        async let performed = perform(wait, RawPayload([]), clock: time.local)
        #expect(try await Waiting.until { time.sleepers == 2 })
        time.advance(by: .seconds(29))
        #expect(try await Waiting.until { time.sleepers == 2 })
        time.advance(by: .seconds(1))
        let answer = try await performed
        guard case .retry(_, let error) = answer.outcome else {
            Issue.record("\(answer.outcome)")
            return
        }
        #expect(error.hasPrefix("timed out after 30"))
        #expect(answer.spent.wall == .seconds(30))
    }

    @Test func `a job that is silent for too long is cancelled`() async throws {
        let time = HandClock()
        let wait = JobRegistration(Wait(clock: time.local)).heartbeatEvery(.seconds(5)).timeout(.seconds(60))
        async let performed = perform(wait, RawPayload([]), clock: time.local)
        #expect(try await Waiting.until { time.sleepers == 2 })
        time.advance(by: .seconds(5))
        guard case .retry(_, let error) = try await performed.outcome else {
            Issue.record("not tried again")
            return
        }
        #expect(error.hasPrefix("no heartbeat for 5"))
    }

    @Test func `a compensation runs in the place of the handler`() async throws {
        let charge = JobRegistration(Charge()).compensate { (order: Order, job: JobContext) in
            try job.heartbeat(progress: 1, "refunded \(order.id)")
        }
        let performed = try await perform(charge, Order(id: "42", cents: 5), job: TestJob { $0.isCompensation = true })
        #expect(performed.outcome == .compensated)
        #expect(performed.heartbeats.map(\.note) == ["refunded 42"])
        await #expect(throws: PondError.self) {
            try await perform(Charge(), Order(id: "42", cents: 5), job: TestJob { $0.isCompensation = true })
        }
    }

    @Test func `middleware is around the try and around its children`() async throws {
        struct Tenants: JobMiddleware {
            func perform(_ job: JobContext, next: @Sendable () async throws -> Void) async throws {
                job.setHeader("tenant", "acme")
                try await next()
            }

            func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
                var jobs = jobs
                for index in jobs.indices { jobs[index].options.headers["tenant"] = "acme" }
                return try await next(jobs)
            }
        }
        let performed = try await perform(Charge(), Order(id: "42", cents: 5), middleware: [Tenants()])
        #expect(performed.enqueued.map(\.headers) == [["tenant": "acme"]])
    }

    @Test func `a job that the wire would refuse is refused`() async throws {
        let job = TestJob { $0.options.headers["x"] = String(repeating: "x", count: 5_000) }
        await #expect(throws: PondError.self) { try await perform(Charge(), Order(id: "42", cents: 5), job: job) }
    }
}
