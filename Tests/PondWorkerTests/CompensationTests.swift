import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Dead jobs undone by a worker.
@Suite(.redis, .serialized) struct CompensationTests {
    struct Order: Codable, Sendable, Hashable {
        var order: Int
    }

    struct Charge: JobHandler {
        static let kind = "bank.charge"
        let runs: Record<Int>

        func run(_ payload: Order, _ job: JobContext) async throws {
            runs.add(payload.order)
            throw GiveUp("the bank says no", cause: "declined")
        }
    }

    private static let quick = Backoff(base: .milliseconds(10), cap: .milliseconds(10), jitter: 0)

    /// Lets a job of an order die, and sends it to be undone.
    private func sendBack(_ harness: Harness, key: String? = nil) async throws -> JobID {
        var options = EnqueueOptions()
        options.key = try key.map { try IdempotencyKey($0) }
        let id = try await harness.enqueue("bank.charge", "{\"order\":7}", options)
        try await harness.eventually(within: .seconds(60)) { $0.dead == 1 && $0.inFlight == 0 }
        #expect(try await harness.queue.compensate([id]) == [.enqueued])
        return id
    }

    @Test func `the compensation runs with the payload, under another key, and the handler never again`() async throws {
        let harness = try Harness()
        let runs = Record<Int>()
        let undone = Record<Order>()
        let seen = Record<String>()
        let job = Charge(runs: runs).retrying(times: 3).compensate { (order: Order, job: JobContext) in
            undone.add(order)
            seen.add("\(job.isCompensation) \(job.idempotencyKey ?? "-") \(job.attempt) \(job.fence > 0)")
        }
        try await harness.withWorker(JobList { job }) { _ in
            let id = try await sendBack(harness, key: "order-7")
            try await harness.eventually(within: .seconds(60)) { $0.dead + $0.ready + $0.inFlight + $0.held == 0 }
            #expect(try await harness.queue.job(id).state == .unknown)
            // The key is free again: the same work under it is another job, and is done.
            _ = try await harness.enqueue("bank.charge", "{\"order\":7}", try .once("order-7"))
            try await harness.eventually(within: .seconds(60)) { $0.dead == 1 && $0.inFlight == 0 }
        }
        #expect(runs.all == [7, 7] && undone.all == [Order(order: 7)])
        #expect(seen.all == ["true order-7:compensate 1 true"])
        #expect(try await harness.queue.depth().done == 0)
    }

    @Test func `one that fails is retried as the kind is, then dead again, and a retry of that undoes`() async throws {
        let harness = try Harness()
        let runs = Record<Int>()
        let tries = Record<Int>()
        let exhausted = Record<Bool>()
        let job = Charge(runs: runs).retrying(times: 2, backoff: Self.quick)
            .onExhausted { _, job in exhausted.add(job.isCompensation) }
            .compensate { job in
                tries.add(job.attempt)
                if tries.all.count < 3 { throw RetryLater(after: .zero, "the bank is away") }
            }
        try await harness.withWorker(JobList { job }) { _ in
            let id = try await sendBack(harness)
            try await harness.eventually(within: .seconds(60)) { $0.dead == 1 && $0.inFlight == 0 }
            let report = try await harness.queue.job(id)
            #expect(report.cause == "attempts_exhausted" && report.field("phase") == "compensate")
            #expect(tries.all == [1, 2] && exhausted.all == [true])
            #expect(try await harness.queue.revive([id]) == [.enqueued])
            try await harness.eventually(within: .seconds(60)) { $0.dead + $0.ready + $0.inFlight + $0.held == 0 }
        }
        #expect(tries.all == [1, 2, 1] && runs.all == [7])
    }

    @Test func `a worker without a compensation leaves it, and does not do the work again`() async throws {
        let harness = try Harness()
        let runs = Record<Int>()
        let strays = Record<String>()
        try await harness.withWorker(
            JobList {
                Charge(runs: runs).retrying(times: 1)
                // One for all other kinds is not asked for a kind that has a handler.
                JobRegistration.everyOtherKind { strays.add("run \($0.kind)") }.compensate {
                    strays.add("undo \($0.kind)")
                }
            },
            { $0.unknownKindGrace = .zero }
        ) { _ in
            let id = try await sendBack(harness)
            try await harness.eventually(within: .seconds(60)) { $0.dead == 1 && $0.inFlight == 0 }
            #expect(try await harness.queue.job(id).cause == "no_compensation")
        }
        #expect(runs.all == [7] && strays.all.isEmpty)
    }

    @Test func `a kind without a handler of its own is undone by what handles every other`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let job = JobRegistration.everyOtherKind { job in
            seen.add("run")
            throw GiveUp("no")
        }
        try await harness.withWorker(JobList { job.compensate { seen.add("undo \($0.kind)") } }) { _ in
            _ = try await sendBack(harness)
            try await harness.eventually(within: .seconds(60)) { $0.dead + $0.ready + $0.inFlight + $0.held == 0 }
        }
        #expect(seen.all == ["run", "undo bank.charge"])
    }

    @Test func `a worker says in its beat what it undoes`() async throws {
        func about(_ jobs: JobList) async throws -> WorkerAbout? {
            let harness = try Harness()
            return try await harness.withWorker(jobs) { _ in
                WorkerAbout(json: try await harness.queue.workers().first?.about ?? "")
            }
        }
        let runs = Record<Int>()
        let some = try await about(
            JobList {
                Charge(runs: runs).compensate { _, _ in }
                JobRegistration(kind: "a.b") { _ in }
                JobRegistration.everyOtherKind { _ in }.compensate { _ in }
            }
        )
        #expect(some?.compensates == ["*", "bank.charge"] && some?.kinds == ["a.b", "bank.charge", "*"])
        #expect(try await about(JobList { JobRegistration(kind: "a.b") { _ in } })?.compensates == [])
    }
}
