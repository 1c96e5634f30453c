import Glibc
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import PondWorker
import Testing

/// Sagas that sleep while everything else ends.
@Suite struct SagaRestartTests {
    private static let count = 500
    private static let nap = Duration.seconds(5)

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    @Test func `sagas sleep through the end of all workers and of Redis, and each goes on once, none early`()
        async throws
    {
        try await RedisServer.withServer(.init(appendOnly: true)) { server in
            let harness = try Harness(server: server)
            let asleep = Record<String>()
            let awake = Record<String>()
            let early = Record<Int64>()
            let jobs = JobList {
                JobRegistration(kind: "flow") { job in
                    let due = try await job.step("due") { _ in
                        asleep.add(job.id.text)
                        return Self.now() + Self.nap.wholeMilliseconds
                    }
                    try await job.sleep("nap", for: Self.nap)
                    awake.add(job.id.text)
                    if Self.now() < due { early.add(due - Self.now()) }
                }
            }
            let job = NewJob(kind: try JobKind("flow"), data: [])
            for answer in try await harness.queue.enqueue(Array(repeating: job, count: Self.count)) {
                _ = try answer.get()
            }
            try await harness.withWorker(jobs, { $0.slots = 50 }) { _ in
                try await harness.eventually { $0.ready == 0 && asleep.all.count == Self.count }
            }
            let left = try await harness.queue.depth().waiting
            #expect(left > 0)
            try await server.restart()
            try await harness.eventually { $0.waiting == left }
            try await harness.withWorker(jobs, { $0.slots = 50 }) { _ in
                try await harness.eventually(within: .seconds(60)) {
                    $0.waiting + $0.ready + $0.inFlight + $0.held == 0
                }
            }
            #expect(awake.all.count == Self.count && Set(awake.all) == Set(asleep.all))
            #expect(early.all.isEmpty)
            #expect(try await harness.queue.sagaCounts()[.done] == Self.count)
        }
    }
}
