import PondCore
import PondScaling
import Testing

@Suite struct HoldTests {
    private func steady(_ rate: Int = 40) -> Bench {
        var bench = Bench.single(ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4))
        bench.readings["q"]?.inFlight = rate
        bench.ticks(60, arriving: rate)
        return bench
    }

    @Test func `a queue without data keeps its size, however long`() {
        var bench = steady()
        let size = bench.workers()
        bench.readings["q"]?.waiting = 100_000
        for _ in 0..<500 {
            bench.tick(stale: ["q"])
            #expect(bench.workers() == size)
            #expect(bench.decision().limit == .stale)
        }
        #expect(bench.decision().staleSeconds == 1_000)
    }

    @Test func `a reading that is the last one again is no data`() {
        var bench = steady()
        let size = bench.workers()
        let plan = bench.scaler.plan(
            readings: bench.readings,
            hosts: bench.hosts,
            orphans: 0,
            policy: bench.policy,
            orders: bench.orders,
            previous: bench.plan,
            at: bench.at.advanced(by: .seconds(2)),
            token: 7
        )
        #expect(plan.workers(of: "q") == size)
        #expect(plan.decisions["q"]?.limit == .stale)
    }

    @Test func `one queue without data changes nothing for another`() {
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4)
        var bench = Bench(["a": policy, "b": policy])
        bench.ticks(3, queue: "a")
        bench.readings["b"]?.waiting = 1_000
        bench.readings["b"]?.oldestWait = .seconds(9)
        bench.tick(stale: ["a"])
        #expect(bench.workers("a") == 1)
        #expect(bench.workers("b") == 40)
    }

    @Test func `missing data is not zero`() {
        var bench = steady()
        let size = bench.workers()
        bench.ticks(10, stale: ["q"])
        bench.readings["q"]?.arrivals += 20 * 40
        bench.readings["q"]?.completions += 20 * 40
        bench.readings["q"]?.busySeconds += 20 * 40
        bench.ticks(1, arriving: 40)
        #expect(bench.workers() == size)
        #expect(abs(bench.decision().arrivalRate - 40) < 1)
    }

    @Test(arguments: [7_200, -7_200, 31_536_000, -31_536_000, 45])
    func `a jump of Redis' clock changes neither size nor estimates`(seconds: Int) {
        var bench = steady()
        let size = bench.workers()
        bench.at = bench.at.advanced(by: .seconds(seconds))
        for _ in 0..<120 {
            bench.ticks(1, arriving: 40)
            #expect(abs(bench.workers() - size) <= 1)
            #expect(bench.decision().limit != .stale)
        }
        #expect(abs(bench.decision().arrivalRate - 40) < 1)
        #expect(abs(bench.decision().serviceTime - 1) < 0.05)
    }

    @Test func `counters that start again are no negative rates`() {
        var bench = steady()
        let size = bench.workers()
        bench.readings["q"]?.arrivals = 0
        bench.readings["q"]?.completions = 0
        bench.readings["q"]?.successes = 0
        bench.readings["q"]?.busySeconds = 0
        for _ in 0..<60 {
            bench.ticks(1, arriving: 40)
            #expect(bench.workers() == size)
            #expect(bench.decision().arrivalRate >= 0)
        }
    }

    @Test func `a job from the future has not waited`() {
        var bench = steady()
        bench.readings["q"]?.oldestWait = .seconds(-86_400)
        bench.ticks(1, arriving: 40)
        #expect(bench.decision().oldestWait == 0)
        #expect(!bench.decision().isPanic)
    }

    @Test func `numbers that cannot be are no crash`() {
        var bench = steady()
        for value in [Int.min, -1, Int.max] {
            for busy in [Double.nan, -.infinity, .infinity, -1] {
                bench.readings["q"] = QueueReading(
                    at: bench.at,
                    waiting: value,
                    inFlight: value,
                    oldestWait: .seconds(Int64.max / 2),
                    dueSoon: value,
                    dueBeforeIdle: value,
                    arrivals: value,
                    busySeconds: busy,
                    completions: value,
                    successes: value,
                    spawnSeconds: busy
                )
                bench.orphans = value
                bench.tick()
                #expect((0...40).contains(bench.workers()))
            }
        }
    }
}
