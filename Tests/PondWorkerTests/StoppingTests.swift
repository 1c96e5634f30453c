import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
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
        try await harness.withWorker(JobList { job }, { $0.slots = 1; $0.prefetch = 3 }) { worker in
            try await started.wait()
            try await harness.eventually { $0.inFlight == 4 }
            worker.drain()
            try await harness.eventually { $0.ready == 3 && $0.inFlight == 1 }
            finish.fire()
        }
        try await harness.eventually { $0.ready == 3 && $0.done == 1 && $0.inFlight == 0 && $0.workers == 0 }
        let handedBack = Record<Int>()
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { handedBack.add($0.attempt * 10 + $0.recoveries) } }) { _ in
            try await harness.eventually { $0.done == 4 }
        }
        #expect(handedBack.all == [10, 10, 10])
    }

    @Test func `a job cut off by the end of its grace runs elsewhere at once, uncounted`() async throws {
        let harness = try Harness()
        let started = Event()
        let sleeper = JobRegistration(kind: "sleep") { _ in
            started.fire()
            try await Task.sleep(for: .seconds(60))
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
            try await Task.sleep(for: .seconds(60))
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
            try await Task.sleep(for: .milliseconds(100))
            return clock.measure { worker.drain() }
        }
        #expect(took < .seconds(1))
        let consumers = try await harness.redis.send(
            RedisCommand("XINFO", "CONSUMERS", .text(harness.queue.keys.ready(.normal)), "mp")
        )
        #expect(consumers.array?.isEmpty == true)
    }

    @Test func `a handler that ignores its timeout makes the worker end and its job runs again`() async throws {
        let harness = try Harness()
        let stuck = Record<StuckHandler>()
        let id = try await harness.enqueue("stuck")
        let other = try await harness.enqueue("sleep")
        let jobs = JobList {
            JobRegistration(kind: "stuck") { _ in
                // Blocks its thread for longer than the grace, deaf to cancellation.
                sleep(2)
            }.timeout(.milliseconds(100))
            JobRegistration(kind: "sleep") { _ in try await Task.sleep(for: .seconds(60)) }
        }
        let worker = try Worker(
            harness.pond,
            jobs: jobs,
            configuration: harness.configuration {
                $0.stuckGrace = .milliseconds(200)
                $0.onStuck = { stuck.add($0) }
            }
        )
        await #expect(throws: StuckHandler.self) { try await worker.run() }
        #expect(stuck.all.map(\.job) == [id])
        #expect(try await harness.queue.job(id).attempts == 1)
        #expect(try await harness.queue.job(other).state == .ready)
        #expect(try await harness.queue.job(other).attempts == 0)
    }

    @Test func `handlers that block every thread do not stop the beat`() async throws {
        let harness = try Harness()
        let started = Event()
        let runs = Event()
        let blocking = JobRegistration(kind: "block") { job in
            runs.fire()
            started.fire()
            sleep(3)
        }
        let quick: (inout WorkerConfiguration) -> Void = {
            $0.slots = 4
            $0.beatInterval = .milliseconds(100)
            $0.lease = .milliseconds(500)
        }
        for _ in 0..<4 { try await harness.enqueue("block") }
        try await harness.withWorker(JobList { blocking }, quick) { _ in
            // Another process would take over what looks lost; this one only looks, from outside of Swift's pool.
            try await harness.eventually(within: .seconds(30)) { $0.done == 4 }
        }
        #expect(runs.fired == 4)
    }
}
