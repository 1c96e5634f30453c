import PondCore
import PondQueue
import PondSaga
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Sagas with a worker and a Redis of their own.
@Suite(.redis, .serialized) struct SagaWorkerTests {
    private static let quick = Backoff(base: .milliseconds(10), cap: .milliseconds(10), jitter: 0)

    private func flow(
        retrying times: Int = 3,
        _ run: @escaping @Sendable (JobContext) async throws -> Void
    ) -> JobList {
        JobList { JobRegistration(kind: "flow", run: run).retrying(times: times, backoff: Self.quick) }
    }

    /// Waits until the saga is in a state, and gives what is remembered of it.
    private func remembered(
        _ harness: Harness,
        _ id: JobID,
        in state: SagaRecord.State
    ) async throws -> SagaRecord {
        var last: SagaRecord?
        let holds = try await Waiting.until(within: .seconds(30)) {
            last = try await harness.queue.saga(id)
            return last?.state == state
        }
        guard holds, let last else { throw NotReached(text: "saga \(id) is \(last.map { "\($0)" } ?? "none")") }
        return last
    }

    @Test func `a saga does its steps once and ends, and a job without steps is none`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = JobList {
            JobRegistration(kind: "flow") { job in
                let number = try await job.step("a") { step in
                    seen.add(step.key)
                    return 7
                }
                seen.add("\(number)")
            }
            JobRegistration(kind: "plain") { _ in seen.add("plain") }
        }
        try await harness.withWorker(jobs) { _ in
            let plain = try await harness.enqueue("plain")
            let id = try await harness.enqueue("flow")
            let record = try await remembered(harness, id, in: .done)
            #expect(record.steps.map(\.name) == ["a"] && record["a"]?.result == Array("7".utf8))
            try await harness.eventually { $0.inFlight + $0.ready == 0 }
            #expect(try await harness.queue.saga(plain) == nil)
            #expect(Set(seen.all) == ["plain", "\(id):a", "7"])
        }
    }

    @Test func `a step that fails runs again alone, and what was done before it does not`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = flow { job in
            try await job.step("a") { _ in seen.add("a") }
            try await job.step("b") { step in
                seen.add("b\(step.attempt)")
                if step.attempt < 3 { throw RetryLater(after: .zero) }
            }
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            _ = try await remembered(harness, id, in: .done)
        }
        #expect(seen.all == ["a", "b1", "b2", "b3"])
    }

    @Test func `a worker that is cut off in a step leaves it to another, which goes on with it`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let isIn = Event()
        let jobs = flow { job in
            try await job.step("a") { _ in seen.add("a") }
            try await job.step("b") { step in
                seen.add("b\(step.attempt) \(step.key == "\(job.id):b")")
                isIn.fire()
                // Until it is cut off.
                if step.attempt == 1 { try await Task.sleep(for: .seconds(600)) }
            }
        }
        let id = try await harness.enqueue("flow")
        try await harness.withWorker(jobs, { $0.gracePeriod = .zero }) { _ in try await isIn.wait() }
        try await harness.withWorker(jobs) { _ in _ = try await remembered(harness, id, in: .done) }
        #expect(seen.all == ["a", "b1 true", "b2 true"])
    }

    @Test func `a sleep takes no slot, and the saga goes on when it is over`() async throws {
        let harness = try Harness()
        let seen = Record<Int>()
        let jobs = flow(retrying: 1) { job in
            try await job.step("a") { _ in }
            try await job.sleep("nap", for: .milliseconds(1_200))
            seen.add(job.attempt)
        }
        try await harness.withWorker(jobs, { $0.slots = 1 }) { _ in
            let ids = try await [harness.enqueue("flow"), harness.enqueue("flow")]
            // Both wait at a time, though there is one slot.
            let holds = try await Waiting.until(within: .seconds(20)) { try await harness.queue.depth().waiting == 2 }
            #expect(holds)
            for id in ids { _ = try await remembered(harness, id, in: .done) }
        }
        #expect(seen.all == [1, 1])
    }

    @Test func `a saga that waits gives its room to the next at once, and not at the next heartbeat`() async throws {
        let harness = try Harness()
        let jobs = flow { job in try await job.sleep("nap", for: .seconds(600)) }
        let job = NewJob(kind: try JobKind("flow"), data: [])
        for answer in try await harness.queue.enqueue(Array(repeating: job, count: 60)) { _ = try answer.get() }
        let rare: (inout WorkerConfiguration) -> Void = { configuration in
            (configuration.slots, configuration.beatInterval, configuration.lease) = (1, .seconds(60), .seconds(200))
        }
        try await harness.withWorker(jobs, rare) { _ in try await harness.eventually { $0.waiting == 60 } }
    }

    @Test(arguments: ["early", "late"]) func `an answer is had early and late`(_ when: String) async throws {
        let harness = try Harness()
        let tokens = Record<String>()
        let paid = Record<Int>()
        let queue = harness.queue
        let jobs = flow { job in
            let answer: Int = try await job.callback("payment", within: .seconds(60)) { step in
                tokens.add(step.token)
                if when == "early" {
                    let early = try await queue.resolve(token: step.token, .success(Array("5".utf8)))
                    #expect(early == .resolved)
                }
            }
            paid.add(answer)
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            if when == "late" {
                _ = try await remembered(harness, id, in: .waiting)
                #expect(try await queue.resolve(token: tokens.all[0], .success(Array("5".utf8))) == .resolved)
            }
            _ = try await remembered(harness, id, in: .done)
        }
        #expect(paid.all == [5] && tokens.all.count == 1)
    }

    @Test func `a saga that fails for good undoes what it did, the newest first, and ends as compensated`() async throws
    {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = flow { job in
            for name in ["a", "b"] {
                try await job.step(name) { _ in
                    name
                } undo: { value, step in
                    seen.add("undo \(value) \(step.key == "\(job.id):\(name):undo")")
                }
            }
            throw GiveUp("no", cause: "declined")
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            let record = try await remembered(harness, id, in: .compensated)
            #expect(record.steps.map(\.undo) == [.done, .done] && record.reason.contains("declined"))
            try await harness.eventually { $0.inFlight + $0.ready + $0.dead == 0 }
        }
        #expect(seen.all == ["undo b true", "undo a true"])
    }

    @Test func `a saga with nothing to undo is dead as any job`() async throws {
        let harness = try Harness()
        let jobs = flow { job in
            try await job.step("a") { _ in }
            throw GiveUp("no", cause: "declined")
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            _ = try await remembered(harness, id, in: .failed)
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
            #expect(try await harness.queue.job(id).cause == "declined")
        }
    }

    @Test func `a saga that is cancelled while it waits is undone and ends as cancelled`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let jobs = flow { job in
            try await job.step("a") { _ in
                1
            } undo: { value, _ in
                seen.add("undo \(value)")
            }
            try await job.sleep("long", for: .seconds(3_600))
            seen.add("after")
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            _ = try await remembered(harness, id, in: .waiting)
            _ = try await harness.queue.cancel(id)
            _ = try await remembered(harness, id, in: .cancelled)
            try await harness.eventually { $0.inFlight + $0.ready + $0.dead == 0 }
        }
        #expect(seen.all == ["undo 1"])
    }

    @Test func `a saga that is cancelled in a step undoes that too`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        let isIn = Event()
        let jobs = flow { job in
            try await job.step("a") { _ -> Int in
                isIn.fire()
                // Until it is cancelled.
                try await Task.sleep(for: .seconds(600))
                return 1
            } undoAlways: { value, _ in
                seen.add("undo \(value.map { "\($0)" } ?? "?")")
            }
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            try await isIn.wait()
            _ = try await harness.queue.cancel(id)
            _ = try await remembered(harness, id, in: .cancelled)
        }
        #expect(seen.all == ["undo ?"])
    }

    @Test func `an undo that cannot help is stuck, and its job dead under saga_stuck`() async throws {
        let harness = try Harness()
        let jobs = flow { job in
            try await job.step("a") { _ in
                1
            } undo: { _, _ in
                throw GiveUp("the account is closed")
            }
            throw GiveUp("no")
        }
        try await harness.withWorker(jobs) { _ in
            let id = try await harness.enqueue("flow")
            _ = try await remembered(harness, id, in: .stuck)
            try await harness.eventually { $0.dead == 1 && $0.inFlight == 0 }
            #expect(try await harness.queue.job(id).cause == "saga_stuck")
        }
    }

    @Test func `children are joined, and one that dies is heard of`() async throws {
        struct Child: JobHandler {
            static let kind = "child"
            func run(_ payload: Int, _ job: JobContext) async throws -> Int {
                if payload < 0 { throw GiveUp("no") }
                return payload * 2
            }
        }
        let harness = try Harness()
        let sums = Record<Int>()
        let jobs = JobList {
            Child()
            JobRegistration(kind: "flow") { job in
                let numbers = job.job.data == Array("bad".utf8) ? [1, -1] : [1, 2, 3]
                let doubled = try await job.fanOut("double", Child.self, over: numbers, limit: 2) { $0 }
                sums.add(doubled.reduce(0, +))
            }
        }
        try await harness.withWorker(jobs) { _ in
            let good = try await harness.enqueue("flow", "good")
            _ = try await remembered(harness, good, in: .done)
            let bad = try await harness.enqueue("flow", "bad")
            _ = try await remembered(harness, bad, in: .failed)
        }
        #expect(sums.all == [12])
    }
}
