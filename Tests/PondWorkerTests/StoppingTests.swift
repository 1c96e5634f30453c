import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import ServiceLifecycle
import Testing

@Suite(.redis)
struct StoppingTests {
    @Test func `draining lets running jobs end and hands back the rest uncounted`() async throws {
        let harness = try Harness()
        let started = Event()
        let finish = Event()
        let job = JobRegistration(kind: "job") { _ in
            started.fire()
            try await finish.wait()
        }
        for _ in 0..<4 { try await harness.enqueue("job") }
        try await harness.withWorker(
            JobList { job },
            {
                $0.slots = 1; $0.prefetch = 3
            }
        ) { worker in
            try await started.wait()
            try await harness.eventually { $0.inFlight == 4 }
            worker.drain()
            try await harness.eventually { $0.ready == 3 && $0.inFlight == 1 }
            finish.fire()
        }
        try await harness.eventually { $0.ready == 3 && $0.done == 1 && $0.inFlight == 0 && $0.workers == 0 }
        let handedBack = Record<Int>()
        try await harness.withWorker(
            JobList { JobRegistration(kind: "job") { handedBack.add($0.attempt * 10 + $0.recoveries) } }
        ) { _ in
            try await harness.eventually { $0.done == 4 }
        }
        #expect(handedBack.all == [10, 10, 10])
    }

    @Test func `in a service group the graceful shutdown drains the worker`() async throws {
        let harness = try Harness()
        let started = Event()
        let finish = Event()
        let job = JobRegistration(kind: "job") { _ in
            started.fire()
            try await finish.wait()
        }
        let worker = try Worker(harness.pond, jobs: JobList { job }, configuration: harness.configuration())
        let services = ServiceGroup(services: [worker], logger: Logger(label: "test"))
        try await harness.enqueue("job")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            try await started.wait()
            await services.triggerGracefulShutdown()
            finish.fire()
            try await group.waitForAll()
        }
        let depth = try await harness.queue.depth()
        #expect(depth.done == 1 && depth.inFlight == 0 && depth.workers == 0)
    }

    @Test func `a job cut off by the end of its grace runs elsewhere at once, uncounted`() async throws {
        let harness = try Harness()
        let started = Event()
        let sleeper = JobRegistration(kind: "sleep") { _ in
            started.fire()
            try await Waiting.untilCancelled()
        }
        let id = try await harness.enqueue("sleep")
        try await harness.withWorker(JobList { sleeper }, { $0.gracePeriod = .milliseconds(100) }) { _ in
            try await started.wait()
        }
        let report = try await harness.queue.job(id)
        #expect(report.state == .ready)
        #expect(report.attempts == 0)
    }

    @Test func `hurrying does not wait for the grace`() async throws {
        let harness = try Harness()
        let started = Event()
        let sleeper = JobRegistration(kind: "sleep") { _ in
            started.fire()
            try await Waiting.untilCancelled()
        }
        let id = try await harness.enqueue("sleep")
        let begun = ContinuousClock.now
        try await harness.withWorker(JobList { sleeper }) { worker in
            try await started.wait()
            worker.drain()
            worker.hurry()
        }
        #expect(ContinuousClock.now - begun < .seconds(10))
        #expect(try await harness.queue.job(id).state == .ready)
    }

    @Test func `a stop while idle takes no blocking read's time and leaves no consumer behind`() async throws {
        let harness = try Harness()
        let clock = ContinuousClock()
        let took = try await harness.withWorker(JobList { JobRegistration(kind: "a") { _ in } }) { worker in
            // It has begun to wait in Redis, which nothing tells.
            try await Task.sleep(for: .milliseconds(100))
            return clock.measure { worker.drain() }
        }
        #expect(took < .seconds(1))
        let consumers = try await harness.redis.send(
            RedisCommand("XINFO", "CONSUMERS", .text(harness.queue.keys.ready(.normal)), "mp")
        )
        #expect(consumers.array?.isEmpty == true)
    }

    @Test func `a worker that is told to stop says so at once, so that a kill after it is not its job's fault`()
        async throws
    {
        let harness = try Harness()
        let (started, finish) = (Event(), Event())
        let job = JobRegistration(kind: "job") { _ in
            started.fire()
            try await finish.wait()
        }
        try await harness.enqueue("job")
        // The next heartbeat would come long after this test.
        let rare: (inout WorkerConfiguration) -> Void = { ($0.beatInterval, $0.lease) = (.seconds(60), .seconds(200)) }
        try await harness.withWorker(JobList { job }, rare) { worker in
            try await started.wait()
            let before = try await harness.about { !$0.isEmpty }
            #expect(!before.contains("draining") && before.contains(#""lease_ms":200000"#))
            worker.drain()
            _ = try await harness.about { $0.contains(#""draining":1"#) && $0.contains(#""state":"draining""#) }
            finish.fire()
        }
    }
}

@Suite(.redis) struct LogTests {
    @Test func `one death is one error in the log, whoever finds it out`() async throws {
        struct Nothing: Codable, Sendable {}
        struct Typed: JobHandler {
            static let kind = "typed"
            func run(_ payload: Nothing, _ job: JobContext) async throws {}
        }
        let log = LineLog()
        let harness = try Harness(log: log)
        let jobs = JobList {
            Typed()
            JobRegistration(kind: "hopeless") { _ in throw GiveUp("no such address") }
        }
        try await harness.withWorker(jobs, { $0.unknownKindGrace = .zero }) { _ in
            try await harness.enqueue("typed", "no JSON")
            try await harness.enqueue("hopeless")
            try await harness.enqueue("nobody.knows")
            _ = try await harness.redis.send(
                RedisCommand("XADD", .text(harness.queue.keys.ready(.normal)), "*", "junk", "1")
            )
            try await harness.eventually { $0.dead == 4 && $0.inFlight == 0 }
        }
        #expect(log.texts(from: .error) == .init(repeating: "job is dead", count: 4))
    }
}
