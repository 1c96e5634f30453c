import PondCore
import PondQueue
import PondTestKit
import PondWorker
import Testing

/// What all jobs of an intent together may take.
@Suite(.redis) struct IntentBudgetTests {
    private struct Failure: Error {}
    private static let noRest = Backoff(base: .milliseconds(1), cap: .milliseconds(1), jitter: 0)

    private let harness: Harness
    private let intent = "intent-\(UInt64.random(in: 0 ... .max))"
    private var name: String { "intent:\(intent)" }
    private var ledger: Ledger { harness.pond.ledger }

    init() throws { harness = try Harness() }

    private func options(_ text: String) throws -> EnqueueOptions {
        var options = EnqueueOptions()
        options.correlationID = intent
        options.intentBudget = try IntentBudget(text)
        return options
    }

    private func state() async throws -> BudgetState { try #require(try await ledger.show(name)) }

    /// The jobs that are dead when all have ended.
    private func dead(_ jobs: JobList, done: Int) async throws -> [DeadJob] {
        try await harness.withWorker(jobs) { _ in
            try await harness.eventually { $0.done == done && $0.ready + $0.inFlight + $0.held == 0 }
        }
        return try await harness.queue.dead()
    }

    @Test func `64 steps at once spend no more than the intent has`() async throws {
        let spent = Record<USD>()
        let job = JobRegistration(kind: "step") { job in
            try await job.reserve(usd: 0.05) { reservation in
                try await Waiting.work(for: .milliseconds(5))
                let cost = USD(micros: .random(in: 20_000...50_000))
                spent.add(cost)
                reservation.took(Usage(usd: cost, calls: 1))
            }
        }
        for _ in 0..<64 { try await harness.enqueue("step", "{}", try options("usd=0.45")) }
        try await harness.withWorker(JobList { job }, { $0.slots = 64 }) { _ in
            try await harness.eventually { $0.done + $0.dead == 64 && $0.inFlight == 0 }
        }
        let total = spent.all.reduce(.zero, +)
        #expect(total <= 0.45 && total > 0.39 && spent.all.count >= 9)
        let line = try #require(try await state()[.usd])
        #expect(line.committed == total.micros && line.reserved == 0)
        #expect(try await harness.queue.dead().allSatisfy { $0.cause == "budget_exhausted:usd" })
        guard case .equal = try await ledger.check(name) else { return #expect(Bool(false), "sums differ") }
    }

    @Test func `children share the budget, and what is spent without a reservation counts`() async throws {
        let parent = JobRegistration(kind: "parent") { job in
            try job.spend(usd: 0.1)
            try await job.enqueue(NewJob(kind: try JobKind("child")))
        }
        let child = JobRegistration(kind: "child") { job in
            try await job.reserve(usd: 0.2, tokens: 400) { $0.took(Usage(usd: 0.15, tokens: 300, calls: 1)) }
            try job.spend(usd: 0.05)
        }
        try await harness.enqueue("parent", "{}", try options("usd=1,tokens=1k"))
        #expect(
            try await dead(
                JobList {
                    parent; child
                },
                done: 2
            ).isEmpty
        )
        let state = try await state()
        #expect(state[.usd]?.committed == 300_000 && state[.tokens]?.committed == 300 && state[.calls]?.committed == 1)
        #expect(state.held == 0)
    }

    @Test func `a job that finds no money rests where its intent says so, and goes on at once when it is topped up`()
        async throws
    {
        let ran = Event()
        let job = JobRegistration(kind: "step") { job in
            ran.fire()
            try await job.reserve(usd: 0.5) { _ in }
        }
        let id = try await harness.enqueue("step", "{}", try options("usd=0.4,on_exhausted=pause"))
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.held == 1 }
            let report = try await harness.queue.job(id)
            #expect(report.attempts == 0)
            #expect(report.field("budget_wait")?.contains("$0.400000 of usd left, and $0.500000 is wanted") == true)
            // Longer than the longest rest would take, if nobody were woken.
            #expect(try await Waiting.until { try await ledger.resting(name).first?.job.hasSuffix(id.text) ?? false })
            #expect(try await ledger.topUp(name, "usd=0.2") == .ok)
            try await ledger.wakeResting(name)
            try await harness.eventually(within: .seconds(5)) { $0.done == 1 }
        }
        #expect(try await ledger.resting(name).isEmpty)
        #expect(try await state()[.usd]?.committed == 500_000)
    }

    @Test func `a job that rests does not begin while there is too little for it`() async throws {
        let ran = Event()
        let job = JobRegistration(kind: "step") { job in
            ran.fire()
            try await job.reserve(usd: 0.5) { _ in }
        }
        let id = try await harness.enqueue("step", "{}", try options("usd=0.4,on_exhausted=ask"))
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.eventually { $0.held == 1 }
            #expect(try await ledger.topUp(name, "usd=0.05") == .ok)
            for round in 1...3 {
                try await ledger.wakeResting(name)
                try await harness.eventually { $0.held == 1 && $0.inFlight + $0.ready == 0 }
                #expect(Int(try await harness.queue.job(id).field("attempt") ?? "0") == 0, "round \(round)")
            }
            #expect(ran.fired == 1)
            #expect(try await ledger.topUp(name, "usd=0.05") == .ok)
            try await ledger.wakeResting(name)
            try await harness.eventually { $0.done == 1 }
        }
        #expect(ran.fired == 2)
    }

    @Test func `a handler names a cheaper way where the intent says so`() async throws {
        let ways = Record<String>()
        let job = JobRegistration(kind: "step") { job in
            let way = try await job.reserve(usd: 0.5) { _ in
                "large"
            } cheaper: { error in
                #expect(error.policy == .degrade && error.cause == .usdExhausted)
                return try await job.reserve(usd: 0.1) { _ in "small" }
            }
            ways.add(way)
        }
        try await harness.enqueue("step", "{}", try options("usd=0.4,on_exhausted=degrade"))
        #expect(try await dead(JobList { job }, done: 1).isEmpty)
        #expect(ways.all == ["small"])
    }

    @Test func `what surely was not begun goes back, and what failed in the middle is charged`() async throws {
        let job = JobRegistration(kind: "step") { job in
            switch job.attempt {
            case 1:
                try await job.reserve(usd: 0.1) { reservation in
                    reservation.tookNothing()
                    throw Failure()
                }
            case 2: try await job.reserve(usd: 0.1, claimed: true) { _ in throw Failure() }
            case 3:
                try await job.reserve(usd: 0.1, claimed: true) { reservation in
                    try await reservation.send()
                    throw Failure()
                }
            case 4: try await job.reserve(usd: 0.1) { _ in throw Failure() }
            default: break
            }
        }.retrying(times: 10, backoff: Self.noRest)
        try await harness.enqueue("step", "{}", try options("usd=1,retries=10"))
        #expect(try await dead(JobList { job }, done: 1).isEmpty)
        let state = try await state()
        #expect(state[.usd]?.committed == 200_000 && state[.usd]?.reserved == 0 && state[.retries]?.committed == 4)
    }

    @Test func `retries of all jobs of an intent count together`() async throws {
        let ran = Event()
        let job = JobRegistration(kind: "step") { _ in
            ran.fire()
            throw Failure()
        }.retrying(times: 100, backoff: Self.noRest)
        for _ in 0..<3 { try await harness.enqueue("step", "{}", try options("retries=5")) }
        let dead = try await dead(JobList { job }, done: 0)
        #expect(dead.count == 3 && dead.allSatisfy { $0.cause == "budget_exhausted:retries" })
        #expect(ran.fired == 8)
        #expect(dead.first?.error.contains("the last error was: ") == true)
    }

    @Test func `a job without an intent's budget reserves without asking anybody`() async throws {
        let ran = Event()
        let job = JobRegistration(kind: "step") { job in
            try await job.reserve(usd: 5, tokens: 1_000) { reservation in
                #expect(reservation.id.isEmpty)
                reservation.took(Usage(usd: 0.01))
                ran.fire()
            }
            #expect(try await job.intentBudget() == nil)
        }
        try await harness.enqueue("step")
        #expect(try await dead(JobList { job }, done: 1).isEmpty)
        #expect(ran.fired == 1)
        #expect(try await ledger.show("intent:\(intent)") == nil)
    }

    @Test func `a job that is to share a budget that nobody has opened is dead, and says why`() async throws {
        let job = JobRegistration(kind: "step") { _ in }
        try await harness.enqueue("step", "{}", try options("inherit"))
        let dead = try await dead(JobList { job }, done: 0)
        #expect(dead.first?.cause == "budget_closed")
        #expect(dead.first?.error.hasPrefix("there is no budget \(name)") == true)
    }
}
