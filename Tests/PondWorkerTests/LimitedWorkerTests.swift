import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// Jobs that need limits, with real workers: what may not begin yet waits, takes no slot and costs no try.
@Suite(.redis)
struct LimitedWorkerTests {
    /// A limit of the test's own, since all queues of a server share them.
    private func limit(_ harness: Harness, _ spec: String) async throws -> String {
        let name = RedisServer.uniqueName("limit")
        try await harness.pond.limits.set(try LimitName(defined: name), try LimitSpec(spec))
        return name
    }

    private func isEmpty(_ depth: Depth) -> Bool { depth.ready == 0 && depth.inFlight == 0 && depth.held == 0 }

    private func append(_ harness: Harness, limit: String, count: Int) async throws {
        for _ in 0..<count {
            _ = try await harness.redis.send(
                RedisCommand(
                    "XADD",
                    [.text(harness.queue.keys.ready(.normal)), "*", "kind", "job", "limit", .text(limit)]
                )
            )
        }
    }

    @Test func `no window of time holds more than a rate and its burst, and nothing is tried twice`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "50/s burst 5")
        let starts = Record<LocalInstant>()
        let job = JobRegistration(kind: "job") { context in
            #expect(context.attempt == 1)
            starts.add(LocalInstant.now)
        }
        try await harness.withWorker(JobList { job.limited(by: name) }, { $0.slots = 20 }) { _ in
            for _ in 0..<60 { try await harness.enqueue("job") }
            try await harness.eventually { depth in depth.done == 60 && isEmpty(depth) }
        }
        let times = starts.all.sorted()
        #expect(times.count == 60)
        // 55 jobs behind the burst take 1.1 s; a start is a little later than its admission, never earlier.
        #expect(times[0].duration(to: times[59]) > .milliseconds(900))
    }

    @Test func `jobs past their limit take no slot, so that others run meanwhile`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "1/h")
        let free = Event()
        let limited = Event()
        let jobs = JobList {
            JobRegistration(kind: "job") { _ in limited.fire() }
            JobRegistration(kind: "free") { _ in free.fire() }
        }
        try await harness.withWorker(jobs, { $0.slots = 2 }) { _ in
            try await append(harness, limit: name, count: 10)
            try await limited.wait()
            for _ in 0..<20 { try await harness.enqueue("free") }
            try await free.wait(for: 20)
            let lanes = try await harness.queue.limitLanes()
            #expect(lanes.lanes.map(\.waiting) == [9])
            #expect(lanes.lanes.first?.names == name)
            #expect(lanes.lanes.first?.reason == .rate)
            #expect(limited.fired == 1)
            #expect(try await harness.queue.depth().inFlight == 0)
            // A limit that is taken away holds nothing any more.
            #expect(try await harness.pond.limits.clear(try LimitName(name)))
            try await limited.wait(for: 10)
        }
    }

    @Test func `jobs that were there before any worker are held back by the limit that they name`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "1/h")
        try await append(harness, limit: name, count: 5)
        let ran = Event()
        try await harness.withWorker(JobList { JobRegistration(kind: "job") { _ in ran.fire() } }) { _ in
            let isHeld = try await Waiting.until(within: .seconds(20)) {
                try await harness.queue.limitLanes().lanes.map(\.waiting) == [4]
            }
            #expect(isHeld)
            try await harness.eventually { $0.done == 1 }
        }
        #expect(ran.fired == 1)
    }

    @Test func `of two at a time never more run, whoever runs them`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "2 at a time")
        let running = Mutex((now: 0, most: 0))
        let job = JobRegistration(kind: "job") { _ in
            running.withLock { running in
                running.now += 1
                running.most = max(running.most, running.now)
            }
            // The job's work: so long that another would overlap with it.
            try await Task.sleep(for: .milliseconds(5))
            running.withLock { $0.now -= 1 }
        }
        let jobs = JobList { job.limited(by: name) }
        try await harness.withWorker(jobs, { $0.slots = 8 }) { _ in
            try await harness.withWorker(jobs, { $0.slots = 8 }) { _ in
                for _ in 0..<60 { try await harness.enqueue("job") }
                try await harness.eventually { depth in depth.done == 60 && isEmpty(depth) }
            }
        }
        #expect(running.withLock(\.most) == 2)
        #expect(try await harness.pond.limits.show(try LimitName(name))?.running == 0)
    }

    @Test
    func `with a single slot jobs follow each other at once, though each is left where it is until the slot is free`()
        async throws
    {
        let harness = try Harness()
        let name = try await limit(harness, "100 at a time")
        let job = JobRegistration(kind: "job") { _ in }
        let start = LocalInstant.now
        try await harness.withWorker(JobList { job.limited(by: name) }, { $0.slots = 1 }) { _ in
            try await append(harness, limit: name, count: 100)
            try await harness.eventually { $0.done == 100 }
        }
        // A look a quarter of a second would take 25 s.
        #expect(start.duration(to: LocalInstant.now) < .seconds(10))
    }

    @Test func `a worker tells which limits its kinds need, and the next one takes that away`() async throws {
        let harness = try Harness()
        let job = JobRegistration(kind: "job") { _ in }
        try await harness.withWorker(JobList { job.limited(by: "openai", "tenant:{tenant}@2") }) { _ in
            let known = try await harness.queue.limitLanes().kinds
            #expect(known == ["job": "openai,tenant:{tenant}@2"])
        }
        let change: (inout WorkerConfiguration) -> Void = { $0.limitedBy = ["job": "other", "more": "openai"] }
        try await harness.withWorker(JobList { job.limited(by: "openai") }, change) { _ in
            let known = try await harness.queue.limitLanes().kinds
            #expect(known == ["job": "other", "more": "openai"])
        }
        try await harness.withWorker(JobList { job }) { _ in
            let known = try await harness.queue.limitLanes().kinds
            #expect(known == ["more": "openai"])
        }
    }

    @Test func `limits that cannot be are refused before the worker works`() throws {
        let harness = try Harness()
        let job = JobRegistration(kind: "job") { _ in }.limited(by: "a b")
        let error = #expect(throws: PondError.self) {
            try Worker(harness.pond, jobs: JobList { job }, configuration: harness.configuration())
        }
        #expect(error?.message.contains("limits of kind job: limit name \"a b\"") == true)
    }

    @Test func `a handler waits for a limit, and what it waits is no part of its time`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "2/s")
        let ends = Record<LocalInstant>()
        let job = JobRegistration(kind: "job") { context in
            try await context.limit(name)
            ends.add(LocalInstant.now)
        }.timeout(.milliseconds(400)).retrying(times: 1)
        try await harness.withWorker(JobList { job }, { $0.slots = 3 }) { _ in
            for _ in 0..<3 { try await harness.enqueue("job") }
            try await harness.eventually { $0.done == 3 }
        }
        let times = ends.all.sorted()
        #expect(times[0].duration(to: times[2]) >= .milliseconds(950))
        #expect(try await harness.queue.depth().dead == 0)
    }

    @Test func `a handler that would wait too long goes on later, without a try and without a slot`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "1/h")
        let (granted, limited) = (Event(), Event())
        let job = JobRegistration(kind: "job") { context in
            do {
                try await context.limit(name)
                granted.fire()
            } catch let error as LimitReached {
                #expect(error.name == name)
                limited.fire()
                throw error
            }
        }.retrying(times: 1)
        try await harness.withWorker(JobList { job }) { _ in
            for _ in 0..<2 { try await harness.enqueue("job") }
            try await harness.eventually { $0.done == 1 && $0.held == 1 && $0.inFlight == 0 }
        }
        #expect((granted.fired, limited.fired) == (1, 1))
        #expect(try await harness.queue.depth().dead == 0)
    }

    @Test func `a place is given back before the end, and a cost that was too high too`() async throws {
        let harness = try Harness()
        let (place, tokens) = (try await limit(harness, "1 at a time"), try await limit(harness, "1000/h burst 1000"))
        let job = JobRegistration(kind: "job") { context in
            for _ in 0..<3 {
                // With the place still taken the second time would wait for ever.
                try await context.limit(place).release()
                try await context.limit(tokens, cost: 900).adjust(actual: 10)
            }
        }.retrying(times: 1)
        try await harness.withWorker(JobList { job }) { _ in
            try await harness.enqueue("job")
            try await harness.eventually { $0.done == 1 }
        }
    }

    @Test func `too much said once holds all jobs of the limit back, and costs none of them a try`() async throws {
        let harness = try Harness()
        let name = try await limit(harness, "1000/s burst 1000")
        let runs = Record<LocalInstant>()
        let job = JobRegistration(kind: "job") { _ in
            runs.add(LocalInstant.now)
            if runs.all.count == 1 { throw RetryLater(after: .seconds(1), "429") }
        }.retrying(times: 1)
        try await harness.withWorker(JobList { job.limited(by: name) }, { $0.slots = 1 }) { _ in
            try await harness.enqueue("job")
            #expect(try await Waiting.until(within: .seconds(20)) { runs.all.count == 1 })
            try await harness.eventually { $0.held == 1 }
            let shown = try await harness.pond.limits.show(try LimitName(name))
            #expect(shown?.state == .throttled)
            #expect(shown?.learned ?? 1_000 < 1_000)
            #expect(shown?.failed == 1)
            for _ in 0..<3 { try await harness.enqueue("job") }
            try await harness.eventually { $0.done == 4 }
        }
        let times = runs.all
        #expect(times.count == 5)
        #expect(times[1...].allSatisfy { times[0].duration(to: $0) >= .milliseconds(950) })
        #expect(try await harness.queue.depth().dead == 0)
    }
}
