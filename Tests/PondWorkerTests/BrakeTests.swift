import Logging
import PondCore
import PondQueue
import PondRedis
import PondTestKit
import PondWorker
import Synchronization
import Testing

/// When a worker stops fetching because every job dies of one cause.
@Suite struct BrakeTests {
    private let start = LocalInstant.now

    private func brake(failures: Int = 3) -> Brake {
        Brake(BrakePolicy(failures: failures, probes: Backoff(base: .seconds(5), cap: .seconds(20), jitter: 0)))
    }

    @Test func `deaths of one cause in a row engage it, once`() {
        var brake = brake()
        #expect(brake.failed("a", "exit 127", at: start) == nil)
        #expect(brake.failed("a", "exit 127", at: start) == nil)
        #expect(brake.most(at: start) == nil)
        guard case .engaged(let hold) = brake.failed("a", "exit 127", at: start) else {
            Issue.record("it is not engaged")
            return
        }
        #expect(hold.cause == "exit 127" && hold.count == 3 && hold.since == start)
        #expect(brake.failed("a", "exit 127", at: start) == nil)
        #expect(brake.hold?.count == 4)
    }

    @Test func `another cause, or a job that is done, begins the count anew`() {
        var brake = brake()
        for root in ["a", "a", "b", "b", "a", "a"] { #expect(brake.failed(root, root, at: start) == nil) }
        #expect(brake.succeeded() == nil)
        for _ in 0..<2 { #expect(brake.failed("a", "a", at: start) == nil) }
        #expect(brake.hold == nil)
        #expect(brake.failed("a", "a", at: start) != nil)
    }

    @Test func `a stray of an unknown kind is let by, several without a job done between them are not`() {
        var brake = brake()
        for _ in 1..<Brake.strangersMax { #expect(brake.passedOn("no handler for b", at: start) == nil) }
        #expect(brake.succeeded() == nil)
        for _ in 1..<Brake.strangersMax { #expect(brake.passedOn("no handler for b", at: start) == nil) }
        #expect(brake.passedOn("no handler for b", at: start) != nil)
        #expect(brake.passedOn("no handler for b", at: start) == nil)
        #expect(brake.hold?.count == Brake.strangersMax + 1)
    }

    @Test func `single jobs are tried at growing intervals, and one that is done releases it`() {
        var brake = brake(failures: 1)
        _ = brake.failed("a", "a", at: start)
        var now = start
        for seconds in [5, 10, 20, 20] {
            #expect(brake.most(at: now) == 0)
            #expect(brake.pause(at: now) == .seconds(seconds))
            now += .seconds(seconds)
            #expect(brake.most(at: now) == 1)
            #expect(brake.pause(at: now) == .zero)
            brake.probed(at: now)
            #expect(brake.failed("b", "b", at: now) == nil)
        }
        guard case .released(let hold) = brake.succeeded() else {
            Issue.record("it is not released")
            return
        }
        #expect(hold.count == 5)
        #expect(brake.most(at: now) == nil && brake.pause(at: now) == nil && brake.hold == nil)
    }

    @Test func `a policy must allow one death at least`() throws {
        var configuration = WorkerConfiguration(queues: ["q"])
        configuration.brake = BrakePolicy(failures: 0)
        let error = #expect(throws: PondError.self) {
            try Worker(
                try Pond(redis: "unix:///nowhere.sock"),
                jobs: JobList { JobRegistration(kind: "a") { _ in } },
                configuration: configuration
            )
        }
        #expect(error?.message.hasPrefix("brake.failures is 0") == true)
    }
}

@Suite(.redis) struct BrakedWorkerTests {
    @Test func `a wrong deploy costs a handful of jobs, the others wait until it is mended`() async throws {
        let harness = try Harness()
        let isBroken = Mutex(true)
        let job = JobRegistration(kind: "job") { _ in
            if isBroken.withLock({ $0 }) { throw GiveUp("exit 127: no such program", cause: "exit_127") }
        }
        for _ in 0..<500 { try await harness.enqueue("job") }
        let change: (inout WorkerConfiguration) -> Void = {
            $0.slots = 4
            $0.beatInterval = .milliseconds(50)
            $0.brake = BrakePolicy(
                failures: 10,
                probes: Backoff(base: .milliseconds(100), cap: .milliseconds(200), jitter: 0)
            )
        }
        try await harness.withWorker(JobList { job }, change) { _ in
            let report = try await harness.about { $0.contains(#""brake":{"#) }
            #expect(report.contains("exit_127") && report.contains(#""count":"#))
            // Single jobs go on being tried, and no others.
            try await harness.eventually { $0.dead >= 12 }
            #expect(try await harness.queue.depth().dead < 40)
            isBroken.withLock { $0 = false }
            try await harness.eventually { $0.ready == 0 && $0.inFlight == 0 }
            let depth = try await harness.queue.depth()
            #expect(depth.done + depth.dead == 500 && depth.dead < 40)
            _ = try await harness.about { !$0.contains(#""brake":{"#) }
        }
    }

    @Test func `a brake that is off lets every job die`() async throws {
        let harness = try Harness()
        for _ in 0..<60 { try await harness.enqueue("job") }
        let job = JobRegistration(kind: "job") { _ in throw GiveUp("no") }
        try await harness.withWorker(JobList { job }, { $0.brake = nil }) { _ in
            try await harness.eventually { $0.dead == 60 }
        }
    }

    @Test func `a worker without handlers of its own lets the jobs of others alone`() async throws {
        let harness = try Harness()
        let seen = Record<String>()
        try await harness.enqueue("pond.echo")
        let echo = JobRegistration(kind: "pond.echo") { _ in seen.add("echo") }
        let bare: (inout WorkerConfiguration) -> Void = {
            $0.stopsAtUnknownKinds = true
            $0.beatInterval = .milliseconds(50)
        }
        try await harness.withWorker(JobList { echo }, bare) { _ in
            try await harness.eventually { $0.done == 1 }
            for _ in 0..<49 { try await harness.enqueue("email.send") }
            _ = try await harness.about { $0.contains("no handler for the kind email.send") }
            try await harness.eventually { $0.inFlight == 0 }
            let depth = try await harness.queue.depth()
            #expect(depth.ready + depth.held == 49 && depth.dead == 0)
            #expect(depth.held < 25, "no more than its slots had taken, once or twice: \(depth.held)")
        }
        #expect(seen.all == ["echo"])
    }
}

/// What a worker does with kinds that it does not know.
@Suite struct DeferralTests {
    @Test func `a job of an unknown kind is looked at less and less often, and not later than its grace`() {
        let deferral = Deferral(grace: .seconds(86_400))
        #expect(deferral.pause(after: .zero) == .seconds(2))
        #expect(deferral.pause(after: .seconds(16)) == .seconds(2))
        #expect(deferral.pause(after: .seconds(160)) == .seconds(20))
        #expect(deferral.pause(after: .seconds(80_000)) == .seconds(300))
        #expect(Deferral(grace: .milliseconds(100)).pause(after: .zero) == .milliseconds(100))
    }

    @Test func `a day of waiting for a new worker writes some three hundred lines a job, not forty thousand`() {
        let deferral = Deferral(grace: Limits.unknownKindGrace)
        var (waited, looks) = (Duration.zero, 0)
        while waited < Limits.unknownKindGrace {
            waited += deferral.pause(after: waited)
            looks += 1
        }
        #expect((280...340).contains(looks), "\(looks)")
    }
}

extension Harness {
    /// What the queue's worker says of itself, as soon as that is as wished.
    func about(within limit: Duration = .seconds(20), _ isWished: (String) -> Bool) async throws -> String {
        var last = ""
        let isReached = try await Waiting.until(within: limit) {
            let reply = try await redis.send(RedisCommand("HVALS", .text("\(queue.keys.base):workers")))
            last = reply.array?.compactMap(\.string).joined() ?? ""
            return isWished(last)
        }
        if isReached { return last }
        throw NotReached(text: last)
    }
}
