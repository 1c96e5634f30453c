import PondCore
import PondInsight
import PondQueue
import PondTestKit
import PondWorker
import Synchronization
import Testing

@Suite(.redis) struct OutageTests {
    private static let kinds = ["mail.send", "bill.charge", "thumb.make"]

    private func waitUntil(
        _ queue: Queue,
        within limit: Duration = .seconds(60),
        _ isReached: (Depth) -> Bool
    ) async throws {
        var depth = try await queue.depth()
        let holds = try await Waiting.until(within: limit, every: .milliseconds(20)) {
            depth = try await queue.depth()
            return isReached(depth)
        }
        try #require(holds, "\(depth)")
    }

    /// Runs a worker whose handlers all call the endpoint, beside `body`.
    private func withWorker(_ place: WhyPlace, _ endpoint: Endpoint, _ body: () async throws -> Void) async throws {
        let jobs = JobList(
            Self.kinds.map { kind in
                JobRegistration(kind: kind) { job in try endpoint.call("\(kind)/\(job.id)?attempt=\(job.attempt)") }
                    .retrying(times: 1)
            }
        )
        var configuration = WorkerConfiguration(queues: [place.queue.name.text])
        configuration.slots = 64
        // Here everything is meant to die.
        configuration.brake = nil
        let worker = try Worker(place.pond, jobs: jobs, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await body()
            worker.drain()
            try await group.waitForAll()
        }
    }

    private func enqueue(_ place: WhyPlace, _ count: Int) async throws {
        let jobs = try (0..<count).map { NewJob(kind: try JobKind(Self.kinds[$0 % 3])) }
        _ = try await place.queue.enqueue(jobs).map { try $0.get() }
    }

    @Test func `a retry stops in its last stage as well, and goes on where it stopped`() async throws {
        try await WhyPlace.run { place in
            let endpoint = try Endpoint()
            try await enqueue(place, 1_000)
            try await withWorker(place, endpoint) {
                try await waitUntil(place.queue) { $0.dead == 1_000 }
                let id = try #require(try await place.queue.groups().first?.id)
                try endpoint.start()
                var policy = DeadRetry.Policy()
                (policy.patience, policy.interval, policy.rate) = (.seconds(60), .milliseconds(20), 2_000)
                let stopped = try await retry(place, id, policy) { progress in
                    // It goes down again while the rest is on its way.
                    if progress.stage == 3, progress.revived > 400 { endpoint.stop() }
                }
                #expect(stopped.end == .stopped && stopped.progress.stage == 3)
                #expect(stopped.progress.failed > 0)
                try await waitUntil(place.queue) { $0.ready + $0.inFlight + $0.held == 0 }
                let dead = try await place.queue.depth().dead
                #expect(dead > 0 && dead < 900)
                #expect(try await place.queue.group(id)?.count == dead)
                try endpoint.start()
                let rest = try await retry(place, id, policy)
                #expect(rest.end == .finished && rest.progress.planned == dead && rest.progress.succeeded == dead)
                #expect(try await place.queue.group(id)?.count == 0)
            }
        }
    }

    @Test func `without a worker nobody knows how the first jobs end, and no more are sent`() async throws {
        try await WhyPlace.run { place in
            let endpoint = try Endpoint()
            try await enqueue(place, 60)
            try await withWorker(place, endpoint) { try await waitUntil(place.queue) { $0.dead == 60 } }
            let id = try #require(try await place.queue.groups().first?.id)
            var policy = DeadRetry.Policy()
            (policy.patience, policy.interval) = (.milliseconds(100), .milliseconds(20))
            let result = try await retry(place, id, policy)
            #expect(result.end == .undecided && result.progress.revived == 5 && result.progress.open == 5)
            #expect(try await place.queue.depth().dead == 55)
            policy.canary = 0
            let all = try await retry(place, id, policy)
            #expect(all.end == .finished && all.progress.revived == 55)
        }
    }

    @Test func `a batch that was long on its way has no other one right behind it`() async throws {
        try await WhyPlace.run { place in
            let time = Mutex(LocalInstant.now)
            let pauses = Mutex<[Duration]>([])
            let clock = LocalClock(
                now: { time.withLock { $0 } },
                sleep: { pause in
                    pauses.withLock { $0.append(pause) }
                    time.withLock { $0 += pause }
                }
            )
            var policy = DeadRetry.Policy()
            (policy.canary, policy.rate) = (0, 10)
            let part = DeadPart(queue: place.queue, ids: (1...25).map { JobID("\($0)-0") })
            let sending = DeadRetry([part], policy: policy, clock: clock) { queue, ids in
                time.withLock { $0 += .milliseconds(800) }
                return try await queue.revive(ids)
            }
            let result = try await sending.run { _ in }
            #expect(result.progress.gone == 25)
            #expect(pauses.withLock { $0 } == [.seconds(1), .seconds(1)])
        }
    }

    private func retry(
        _ place: WhyPlace,
        _ id: GroupID,
        _ policy: DeadRetry.Policy,
        _ tell: (DeadRetry.Progress) -> Void = { _ in }
    ) async throws -> (end: DeadRetry.End, progress: DeadRetry.Progress) {
        let parts = try await DeadPart.read(.group(id), in: [place.queue])
        return try await DeadRetry(parts, policy: policy).run(tell)
    }
}
