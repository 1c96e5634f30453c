import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// Handlers that block threads of the pool that everything in this process shares; run apart from the other suites.
@Suite(.redis, .serialized)
struct BlockingTests {
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
            JobRegistration(kind: "sleep") { _ in try await Waiting.untilCancelled() }
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
            // Blocks its thread.
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

    @Test func `a stuck handler gets no more tries than its kind allows`() async throws {
        let harness = try Harness()
        let id = try await harness.enqueue("stuck")
        // Blocks its thread.
        let job = JobRegistration(kind: "stuck") { _ in sleep(2) }.timeout(.milliseconds(100)).retrying(times: 1)
        let worker = try Worker(
            harness.pond,
            jobs: JobList { job },
            configuration: harness.configuration {
                $0.stuckGrace = .milliseconds(200)
                $0.onStuck = { _ in }
            }
        )
        await #expect(throws: StuckHandler.self) { try await worker.run() }
        let report = try await harness.queue.job(id)
        #expect(report.state == .dead && report.cause == "attempts_exhausted")
    }

    @Test func `a process whose threads are all blocked for good gives up its jobs`() async throws {
        let harness = try Harness()
        let told = Record<LocalInstant>()
        for _ in 0..<6 { try await harness.enqueue("stuck") }
        // Blocks its thread.
        let job = JobRegistration(kind: "stuck") { _ in sleep(8) }.timeout(.milliseconds(100))
        let worker = try Worker(
            harness.pond,
            jobs: JobList { job },
            configuration: harness.configuration {
                $0.slots = 6
                $0.stuckGrace = .milliseconds(200)
                $0.gracePeriod = .milliseconds(500)
                $0.onStuck = { _ in told.add(.now) }
            }
        )
        let begin = LocalInstant.now
        await #expect(throws: StuckHandler.self) { try await worker.run() }
        // In a process of its own that is the end; here everything waits for the threads.
        #expect(told.all.count == 1)
        #expect(try #require(told.all.first) - begin < .seconds(6))
    }
}
