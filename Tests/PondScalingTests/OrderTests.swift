import PondCore
import PondScaling
import Testing

@Suite struct OrderTests {
    private func steady(_ rate: Int = 40) -> Bench {
        var bench = Bench.single(ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4))
        bench.readings["q"]?.inFlight = rate
        bench.ticks(60, arriving: rate)
        return bench
    }

    private func order(_ kind: ScalingOrder.Kind, _ workers: Int? = nil, _ bench: Bench) -> ScalingOrder {
        ScalingOrder(
            kind: kind,
            workers: workers,
            until: bench.at.advanced(by: .seconds(60)),
            by: "ann",
            reason: "sale"
        )
    }

    @Test func `a pin holds until it expires, and for nothing after`() {
        var bench = steady()
        bench.orders.queues["q"] = order(.pin, 3, bench)
        bench.ticks(29, arriving: 40)
        #expect(bench.workers() == 3)
        #expect(bench.decision().limit == .pinned)
        bench.ticks(5, arriving: 40)
        #expect(bench.workers() == 11)
        #expect(bench.decision().order == nil)
    }

    @Test func `a pin may go past the queue's maximum, never past the fleet's`() {
        var bench = steady()
        bench.orders.queues["q"] = order(.pin, 500, bench)
        bench.ticks(2, arriving: 40)
        #expect(bench.workers() == 100)
        #expect(bench.decision().wanted == 500)
    }

    @Test func `a pin holds without data too`() {
        var bench = steady()
        bench.orders.queues["q"] = order(.pin, 3, bench)
        bench.ticks(5, stale: ["q"])
        #expect(bench.workers() == 3)
    }

    @Test func `a pause of the fleet holds every queue`() {
        var bench = steady()
        bench.orders.fleet = order(.pause, nil, bench)
        bench.readings["q"]?.waiting = 9_000
        bench.ticks(20, arriving: 40)
        #expect(bench.workers() == 11)
        #expect(bench.decision().limit == .paused)
        bench.ticks(20, arriving: 40)
        #expect(bench.workers() == 40)
    }

    @Test func `a floor raises the minimum`() {
        var bench = steady(4)
        bench.orders.queues["q"] = order(.floor, 20, bench)
        bench.ticks(20, arriving: 4)
        #expect(bench.workers() == 20)
        bench.ticks(200, arriving: 4)
        #expect(bench.workers() < 5)
    }

    @Test func `an order for one queue is none for another`() {
        let policy = ScalingPolicy(workersMax: 10)
        var bench = Bench(["a": policy, "b": policy])
        bench.tick()
        bench.orders.queues["a"] = order(.pin, 5, bench)
        bench.tick()
        #expect(bench.workers("a") == 5)
        #expect(bench.workers("b") == 1)
    }

    @Test(arguments: [
        (ScalingPolicy(workersMin: 5, workersMax: 3), "the minimum of workers is 5; it must be 0 to 3 (its maximum)"),
        (ScalingPolicy(workersMax: 60), "the maximum of workers is 60; it must be 1 to 50 (the fleet's maximum)"),
        (ScalingPolicy(waitTarget: .milliseconds(20)), "the wait target is 20ms; it must be 100ms to 7d00h"),
        (ScalingPolicy(reserve: -1), "the reserve is -1; it must be 0 to 10 (its maximum)"),
        (ScalingPolicy(weight: 0), "the weight is 0; it must be 1 to 1000"),
        (ScalingPolicy(slots: 0), "the number of slots is 0; it must be 1 to 10000"),
        (ScalingPolicy(idleToZero: .zero), "the idle time before zero is 0ms; it must be 1s to 7d00h"),
    ])
    func `a policy says what is wrong with it`(policy: ScalingPolicy, problem: String) {
        #expect(policy.problem(maxOfFleet: 50) == problem)
    }

    @Test func `the defaults are well`() {
        #expect(ScalingPolicy().problem(maxOfFleet: 10) == nil)
    }
}
