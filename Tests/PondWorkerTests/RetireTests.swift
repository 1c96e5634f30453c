import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Testing

/// A worker that is not needed any more, and what it tells of its load.
@Suite(.redis)
struct RetireTests {
    @Test func `retiring lets running jobs end however long they take, and hands back the rest`() async throws {
        let harness = try Harness()
        let (started, finish) = (Event(), Event())
        let job = JobRegistration(kind: "job") { _ in
            started.fire()
            try await finish.wait()
        }
        for _ in 0..<3 { try await harness.enqueue("job") }
        try await harness.withWorker(
            JobList { job },
            {
                $0.slots = 1; $0.prefetch = 2
                // A drain would cut it off at once.
                $0.gracePeriod = .zero
            }
        ) { worker in
            try await started.wait()
            try await harness.eventually { $0.inFlight == 3 }
            worker.retire()
            try await harness.eventually { $0.ready == 2 && $0.inFlight == 1 }
            // Longer than the grace, and it still runs.
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await harness.queue.depth().inFlight == 1)
            finish.fire()
            try await harness.eventually { $0.done == 1 && $0.workers == 0 }
        }
        #expect(try await harness.queue.depth().ready == 2)
    }

    @Test func `a drain begins the grace of a worker that retires`() async throws {
        let harness = try Harness()
        let started = Event()
        let job = JobRegistration(kind: "job") { _ in
            started.fire()
            try await Waiting.untilCancelled()
        }
        try await harness.enqueue("job")
        try await harness.withWorker(JobList { job }, { $0.gracePeriod = .milliseconds(100) }) { worker in
            try await started.wait()
            worker.retire()
            // Three times the grace, which does not begin yet.
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await harness.queue.depth().inFlight == 1)
            worker.drain()
            try await harness.eventually { $0.ready == 1 && $0.inFlight == 0 && $0.workers == 0 }
        }
    }

    @Test func `an idle worker that retires is gone at once`() async throws {
        let harness = try Harness()
        let job = JobRegistration(kind: "job") { _ in }
        try await harness.withWorker(JobList { job }) { worker in
            let start = ContinuousClock.now
            worker.retire()
            try await harness.eventually { $0.workers == 0 }
            #expect(start.duration(to: .now) < .seconds(5))
        }
    }

    @Test func `a beat tells what runs, what has run and for how long`() async throws {
        let harness = try Harness()
        let (started, finish) = (Event(), Event())
        let slow = JobRegistration(kind: "slow") { _ in
            started.fire()
            try await finish.wait()
        }
        let bad = JobRegistration(kind: "bad") { _ in throw GiveUp("no", cause: "no") }
        let quick = JobRegistration(kind: "quick") { _ in }
        try await harness.withWorker(
            JobList {
                slow
                bad
                quick
            },
            {
                $0.slots = 4
                $0.beatInterval = .milliseconds(20)
                $0.supervisor = SupervisorMark(name: "default/here", slot: 5)
            }
        ) { _ in
            for kind in ["slow", "bad", "quick", "quick"] { try await harness.enqueue(kind) }
            try await started.wait()
            try await harness.eventually { $0.done == 2 && $0.dead == 1 }
            var load: WorkerLoad?
            // A beat may be older than the last end.
            _ = try await Waiting.until(within: .seconds(20), every: .milliseconds(20)) {
                load = try await harness.queue.load(dueSoon: .zero, later: .zero).workers.first?.load
                return load?.busy ?? .zero >= .milliseconds(100) && load?.ended == 3
            }
            let seen = try #require(load)
            #expect((seen.supervisor, seen.slot, seen.slots) == ("default/here", 5, 4))
            #expect((seen.running, seen.ended, seen.succeeded) == (1, 3, 2))
            #expect(seen.busy >= .milliseconds(100))
            finish.fire()
        }
    }
}
