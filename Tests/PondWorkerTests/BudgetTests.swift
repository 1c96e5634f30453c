import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Testing

/// What all tries of a job together may take, and what happens when it is used up.
@Suite(.redis)
struct BudgetTests {
    private struct Failure: Error {}
    private static let noRest = Backoff(base: .milliseconds(1), cap: .milliseconds(1), jitter: 0)

    private func cause(of job: JobRegistration, _ options: EnqueueOptions = EnqueueOptions()) async throws -> DeadJob {
        let harness = try Harness()
        try await harness.enqueue(job.kind, "{}", options)
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
        }
        return try #require(try await harness.queue.dead().first)
    }

    @Test func `money is counted over all tries, and no try begins when it is spent`() async throws {
        let spent = Record<USD>()
        let job = JobRegistration(kind: "pay") { job in
            spent.add(job.job.spent.usd)
            try job.spend(usd: 0.04)
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest).budget(usd: 0.12)
        let dead = try await cause(of: job)
        #expect(dead.cause == "budget_exhausted:usd")
        #expect(
            dead.error.hasPrefix("all tries together took $0.120000 of the allowed $0.120000; the last error was: ")
        )
        #expect(spent.all == [0, 0.04, 0.08])
    }

    @Test func `a handler hears at once that it has spent too much`() async throws {
        let job = JobRegistration(kind: "pay") { job in
            for _ in 0..<10 { try job.spend(usd: 0.05) }
        }.budget(usd: 0.12)
        let dead = try await cause(of: job)
        #expect(dead.cause == "budget_exhausted:usd")
        #expect(dead.error == "all tries together took $0.150000 of the allowed $0.120000")
        #expect(dead.attempts == 1)
    }

    @Test func `a job whose own budget is no more than what its kind keeps for undoing does not begin`() async throws {
        let ran = Event()
        var options = EnqueueOptions()
        options.budget = Budget(usd: 0.2)
        let job = JobRegistration(kind: "pay") { _ in ran.fire() }.budget(usd: 1, undoReserve: 0.3)
        let dead = try await cause(of: job, options)
        #expect(dead.cause == "budget_exhausted:usd" && ran.fired == 0)
        #expect(dead.error.hasSuffix("of the allowed $0.000000; $0.300000 of its budget is kept for undoing"))
    }

    @Test func `a try that needs more than is left does not begin`() async throws {
        let ran = Event()
        let job = JobRegistration(kind: "pay") { job in
            ran.fire()
            try job.spend(usd: 0.04)
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest).budget(usd: 0.10, reserving: Spending(usd: 0.04))
        #expect(try await cause(of: job).cause == "budget_exhausted:usd")
        #expect(ran.fired == 2)
    }

    @Test func `a job's own budget goes before its kind's`() async throws {
        let ran = Event()
        let job = JobRegistration(kind: "pay") { job in
            ran.fire()
            try job.spend(usd: 1)
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest).budget(usd: 50)
        var options = EnqueueOptions()
        options.budget.usd = 3
        #expect(try await cause(of: job, options).cause == "budget_exhausted:usd")
        #expect(ran.fired == 3)
    }

    @Test func `wall time is counted over all tries, and cuts the last one short`() async throws {
        let ran = Event()
        let job = JobRegistration(kind: "slow") { job in
            ran.fire()
            try await Waiting.work(for: .milliseconds(job.attempt == 1 ? 150 : 60_000))
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest).budget(wall: .milliseconds(500))
        let begin = ContinuousClock.now
        let dead = try await cause(of: job)
        #expect(dead.cause == "budget_exhausted:wall")
        #expect(ran.fired == 2)
        #expect(ContinuousClock.now - begin < .seconds(20))
    }

    @Test func `CPU time is what the handler reports, and else its wall time`() async throws {
        let reported = JobRegistration(kind: "encode") { job in
            try job.spend(cpu: .seconds(40))
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest).budget(cpu: .seconds(80))
        let dead = try await cause(of: reported)
        #expect(dead.cause == "budget_exhausted:cpu")
        #expect(dead.attempts == 2)
        let silent = JobRegistration(kind: "encode") { _ in
            try await Waiting.work(for: .milliseconds(60))
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest).budget(cpu: .milliseconds(50))
        #expect(try await cause(of: silent).attempts == 1)
    }

    @Test func `attempts are looked at before budgets`() async throws {
        let job = JobRegistration(kind: "pay") { job in
            try job.spend(usd: 1)
            throw Failure()
        }.retrying(times: 1).budget(usd: 1)
        #expect(try await cause(of: job).cause == "attempts_exhausted")
    }

    @Test func `what a try spent that the stopping worker cut off is not forgotten`() async throws {
        let harness = try Harness()
        let began = Event()
        let job = JobRegistration(kind: "pay") { job in
            try job.spend(usd: 0.5)
            began.fire()
            try await Waiting.untilCancelled()
        }
        let id = try await harness.enqueue("pay")
        try await harness.withWorker(JobList { job }) { worker in
            try await began.wait()
            worker.hurry()
        }
        #expect(try await harness.queue.job(id).field("spent_usd_micros") == "500000")
        #expect(try await harness.queue.job(id).field("attempt") == nil)
    }

    @Test func `the hook of an exhausted job is told why, and can act before the job is dead`() async throws {
        let harness = try Harness()
        let told = Record<Exhausted>()
        let slow = JobRegistration(kind: "slow") { _ in
            try await Waiting.untilCancelled()
        }.retrying(times: 1).timeout(.milliseconds(50)).onExhausted { exhausted, job in
            told.add(exhausted)
            // The job's own task was cancelled by its timeout; the hook must be able to wait all the same.
            try await Waiting.work(for: .milliseconds(20))
            try await job.enqueue(NewJob(kind: try JobKind("tell.somebody"), data: Array(exhausted.text.utf8)))
        }
        let heard = Event()
        try await harness.enqueue("slow")
        try await harness.withWorker(
            JobList {
                slow; JobRegistration(kind: "tell.somebody") { _ in heard.fire() }
            }
        ) { _ in
            try await heard.wait()
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
        }
        #expect(told.all == [Exhausted(cause: .attemptsExhausted, text: "timed out after 50ms")])
    }

    @Test func `a hook that fails changes nothing`() async throws {
        let job = JobRegistration(kind: "a") { _ in throw Failure() }.retrying(times: 1).onExhausted { _, _ in
            throw Failure()
        }
        #expect(try await cause(of: job).cause == "attempts_exhausted")
    }

    @Test func `a handler without a heartbeat is cancelled, and its job tried again`() async throws {
        let harness = try Harness()
        let attempts = Record<Int>()
        let job = JobRegistration(kind: "walk") { job in
            attempts.add(job.attempt)
            if job.attempt == 1 { try await Waiting.untilCancelled() }
            for step in 1...10 {
                try await Waiting.work(for: .milliseconds(50))
                try job.heartbeat(progress: Double(step) / 10)
            }
        }.heartbeatEvery(.seconds(1)).retrying(times: 3, backoff: Self.noRest)
        let id = try await harness.enqueue("walk")
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.held == 1 || $0.done == 1 || !attempts.all.isEmpty }
            try await harness.eventually { $0.done == 1 }
        }
        #expect(attempts.all == [1, 2])
        #expect(try await harness.queue.job(id).state == .unknown)
    }
}
