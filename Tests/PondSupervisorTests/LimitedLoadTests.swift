import Logging
import PondCore
import PondQueue
import PondRedis
import PondScaling
import PondSupervisor
import PondTestKit
import Testing

/// Jobs that a limit holds back ask for no workers: more of them would not make the other side take more.
@Suite(.redis) struct LimitedLoadTests {
    private static let ann = Consumer("ann")
    private static let jobs = 400

    private func withQueue(_ body: (Queue) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pond = Pond(
            try RedisConfiguration(url: RedisServer.current.url),
            prefix: RedisServer.uniqueName("p"),
            logger: logger
        )
        let queue = try pond.queue(RedisServer.uniqueName("q"))
        do {
            _ = try await queue.open()
            _ = try await queue.beat(as: Self.ann, about: "{}", load: WorkerLoad(slots: 4))
            try await body(queue)
        } catch {
            await pond.close()
            throw error
        }
        await pond.close()
    }

    /// How many workers the law grants, and asks for, after a minute in which the queue stays as it is.
    private func size(_ queue: Queue) async throws -> ScalingDecision {
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4)
        var (scaler, meter, plan) = (FleetScaler(), LoadMeter(), FleetPlan?.none)
        var host = HostReport(id: "a", workersMax: 40, pools: ["q": PoolReport(running: 1)])
        let began = try await queue.load(dueSoon: .zero, later: .zero).now
        for tick in 0..<30 {
            let load = try await queue.load(dueSoon: .seconds(2), later: .seconds(300))
            var reading = meter.reading(load, pools: [host.pools["q"] ?? PoolReport()])
            reading.at = began.advanced(by: .seconds(2 * tick))
            let next = scaler.plan(
                readings: ["q": reading],
                hosts: [host],
                orphans: 0,
                policy: FleetPolicy(workersMax: 40, queues: ["q": policy]),
                orders: FleetOrders(),
                previous: plan,
                at: reading.at,
                token: 1
            )
            host.pools["q"]?.running = next.hosts["a"]?["q"] ?? 0
            plan = next
        }
        return try #require(plan?.decisions["q"])
    }

    private func addJobs(_ queue: Queue) async throws {
        for _ in 0..<Self.jobs { _ = try await queue.enqueue(NewJob(kind: try JobKind("call"))) }
    }

    @Test func `four hundred jobs behind a limit ask for one worker, without it for many`() async throws {
        try await withQueue { queue in
            try await queue.pond.limits.set(try LimitName(defined: "vendor"), try LimitSpec("1/h"))
            try await queue.setLimitNeeds(["call": try LimitNeed("vendor")])
            try await addJobs(queue)
            var run = 0
            while try await queue.load(dueSoon: .zero, later: .zero).ready > 0 {
                run += try await queue.fetch(as: Self.ann, atMost: 100).deliveries.count
            }
            let load = try await queue.load(dueSoon: .seconds(2), later: .seconds(300))
            #expect(run == 1)
            #expect((load.ready, load.inFlight, load.arrivals, load.oldestReady) == (0, 1, 1, .zero))
            // Somebody has to be there when the limit has room: it is looked at once a minute at least.
            #expect((load.dueSoon, load.dueLater) == (0, 1))
            let limited = try await size(queue)
            #expect((limited.demand, limited.to, limited.waiting, limited.inFlight) == (1, 1, 0, 1), "\(limited)")
        }
        try await withQueue { queue in
            try await addJobs(queue)
            let free = try await size(queue)
            #expect(free.to > 10 && free.waiting == Self.jobs, "\(free)")
        }
    }

    @Test func `a job arrives, for the law, when its limit lets it go`() async throws {
        try await withQueue { queue in
            let vendor = try LimitName(defined: "vendor")
            try await queue.pond.limits.set(vendor, try LimitSpec("1/h"))
            try await queue.setLimitNeeds(["call": try LimitNeed("vendor")])
            for _ in 0..<5 { _ = try await queue.enqueue(NewJob(kind: try JobKind("call"))) }
            #expect(try await queue.fetch(as: Self.ann, atMost: 9).deliveries.count == 1)
            #expect(try await queue.load(dueSoon: .zero, later: .zero).arrivals == 1)
            #expect(try await queue.pond.limits.clear(vendor))
            #expect(try await queue.fetch(as: Self.ann, atMost: 9).deliveries.count == 4)
            let load = try await queue.load(dueSoon: .zero, later: .zero)
            #expect((load.ready, load.inFlight, load.arrivals) == (0, 5, 5))
        }
    }
}
