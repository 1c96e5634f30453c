import PondCore
import PondScaling
import Testing

@Suite struct PlacementTests {
    private func host(_ id: String, _ capacity: Int, _ pools: [String: PoolReport] = ["q": PoolReport()]) -> HostReport
    {
        HostReport(id: id, workersMax: capacity, pools: pools)
    }

    private func bench(_ hosts: [HostReport], workersMax: Int = 100, max: Int = 40) -> Bench {
        Bench(
            ["q": ScalingPolicy(waitTarget: .seconds(10), workersMax: max, slots: 4)],
            workersMax: workersMax,
            hosts: hosts
        )
    }

    private func pinned(_ bench: inout Bench, _ workers: Int, _ queue: String = "q") {
        let until = bench.at.advanced(by: .seconds(86_400))
        bench.orders.queues[queue] = ScalingOrder(kind: .pin, workers: workers, until: until, by: "t", reason: "")
    }

    @Test func `growth goes where most room is`() {
        var bench = bench([host("a", 4), host("b", 8)])
        pinned(&bench, 8)
        let plan = bench.tick()
        #expect(plan.hosts == ["a": ["q": 2], "b": ["q": 6]])
    }

    @Test func `a minimum is kept on a host that has no room, and nothing beyond it`() {
        for (waiting, workers) in [(0, 2), (2_000, 2)] {
            let policy = ScalingPolicy(waitTarget: .seconds(10), workersMin: 2, workersMax: 8, slots: 4)
            var report = host("a", 0)
            report.owedMax = 2
            report.limit = .hostMemory
            var bench = Bench(["q": policy], workersMax: 8, hosts: [report])
            bench.readings["q"]?.waiting = waiting
            for _ in 0..<5 { bench.tick() }
            #expect(bench.plan?.workers(of: "q") == workers)
        }
    }

    @Test func `the capacity of one host does not bound the fleet`() {
        var bench = bench([host("leader", 2), host("b", 20)])
        pinned(&bench, 20)
        #expect(bench.tick().workers(of: "q") == 20)
    }

    @Test func `equal input gives an equal plan, thirty times`() {
        let pools = ["a": PoolReport(), "b": PoolReport(), "c": PoolReport()]
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4)
        var bench = Bench(
            ["a": policy, "b": policy, "c": policy],
            workersMax: 20,
            hosts: [host("x", 9, pools), host("y", 9, pools), host("z", 9, pools)]
        )
        for queue in ["a", "b", "c"] {
            bench.readings[queue]?.waiting = 900
            bench.readings[queue]?.inFlight = 20
        }
        for _ in 0..<5 { bench.tick() }
        let settled = bench.plan?.hosts
        for _ in 0..<30 {
            #expect(bench.tick().hosts == settled)
        }
        #expect(bench.plan?.hosts.values.joined().reduce(0) { $0 + $1.value } == 20)
    }

    @Test func `what runs stays where it is when a host joins`() {
        var bench = bench([host("a", 10), host("b", 10)])
        pinned(&bench, 10)
        let before = bench.tick().hosts
        bench.hosts.append(host("c", 10))
        let after = bench.tick().hosts
        #expect(after["a"] == before["a"] && after["b"] == before["b"])
        #expect(after["c"] == ["q": 0])
    }

    @Test func `the workers of a host that is gone come back elsewhere, once they are gone`() {
        var bench = bench([host("a", 10), host("b", 10)], workersMax: 10)
        pinned(&bench, 10)
        bench.tick()
        bench.hosts.removeLast()
        bench.orphans = 5
        #expect(bench.tick().workers(of: "q") == 5)
        bench.orphans = 0
        #expect(bench.tick().workers(of: "q") == 10)
    }

    @Test func `a host under pressure keeps what it has and takes no more`() {
        var bench = bench([host("a", 20)])
        pinned(&bench, 4)
        bench.tick()
        bench.hosts[0].mayGrow = false
        bench.orders = FleetOrders()
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(20)
        bench.tick()
        #expect(bench.workers() == 4)
        #expect(bench.decision().limit == .pressure)
    }

    @Test func `under pressure a queue gets its minimum, its reserve and what a person pinned`() {
        var bench = bench([host("a", 20)])
        bench.hosts[0].mayGrow = false
        bench.policy.queues["q"]?.workersMin = 2
        bench.tick()
        #expect(bench.workers() == 2)
        bench.policy.queues["q"]?.reserve = 3
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(20)
        bench.tick()
        #expect(bench.workers() == 3)
        #expect(bench.decision().limit == .pressure)
        pinned(&bench, 6)
        bench.tick()
        #expect(bench.workers() == 6)
    }

    @Test func `where processors are short a host takes one worker more at a look`() {
        var bench = bench([host("a", 20)])
        bench.tick()
        bench.hosts[0].growthMax = 1
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(20)
        let start = bench.workers()
        for step in 1...4 {
            bench.tick()
            #expect(bench.workers() == start + step)
            #expect(bench.decision().limit == .pressure)
        }
        bench.hosts[0].growthMax = nil
        bench.tick()
        #expect(bench.workers() > start + 5)
    }

    @Test func `a pool that crash-loops gets no more workers, another host does`() {
        var bench = bench([host("a", 20), host("b", 3)])
        bench.hosts[0].pools["q"]?.isCrashLooping = true
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(20)
        bench.tick()
        #expect(bench.plan?.hosts == ["a": ["q": 0], "b": ["q": 3]])
        bench.hosts[1].pools["q"]?.isCrashLooping = true
        bench.tick()
        #expect(bench.decision().limit == .crashLoop)
    }

    @Test(arguments: [LimitingFactor.hostMemory, .hostCPU])
    func `a full host says what filled it`(limit: LimitingFactor) {
        var bench = bench([host("a", 3)])
        bench.hosts[0].limit = limit
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(20)
        bench.tick()
        #expect(bench.workers() == 3)
        #expect(bench.decision().limit == limit)
        #expect(bench.decision().demand > 30)
    }

    @Test func `a host that may run no more says so, and not that the queue has its maximum`() {
        var bench = bench([host("a", 3)])
        bench.hosts[0].limit = .max
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(20)
        bench.tick()
        let held = bench.decision()
        #expect(held.to == 3 && held.workersMax == 40 && held.isLimitedByHostSetting)
        #expect(held.sentence.contains("limited by host.max_workers of its hosts, which leaves no room for the"))
        #expect(!held.sentence.contains("its maximum"))
        bench.hosts[0].workersMax = 60
        bench.tick()
        #expect(bench.decision().to == 40 && !bench.decision().isLimitedByHostSetting)
        #expect(bench.decision().sentence.contains("limited by its maximum of 40"))
    }

    @Test func `a host whose capacity sank keeps what it has`() {
        var bench = bench([host("a", 10)])
        pinned(&bench, 8)
        bench.tick()
        bench.hosts[0].workersMax = 4
        bench.tick()
        #expect(bench.workers() == 8)
    }

    @Test func `a queue that a host does not list is not put there`() {
        let policy = ScalingPolicy(workersMax: 10)
        var bench = Bench(
            ["a": policy, "b": policy],
            hosts: [host("x", 10, ["a": PoolReport()]), host("y", 4, ["a": PoolReport(), "b": PoolReport()])]
        )
        pinned(&bench, 8, "b")
        let plan = bench.tick()
        #expect(plan.hosts["x"]?["b"] == nil)
        #expect(plan.workers(of: "b") <= 4)
        #expect(plan.workers(of: "a") == 1)
    }

    @Test func `what no host can take of one queue is there for another`() {
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4)
        var bench = Bench(
            ["a": policy, "b": policy],
            workersMax: 20,
            hosts: [host("x", 4, ["a": PoolReport()]), host("y", 16, ["b": PoolReport()])]
        )
        for queue in ["a", "b"] {
            bench.readings[queue]?.waiting = 5_000
            bench.readings[queue]?.oldestWait = .seconds(20)
        }
        bench.tick()
        #expect(bench.workers("a") == 4)
        #expect(bench.workers("b") == 16)
    }

    @Test func `workers that drain hold their room until they are gone`() {
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 10, slots: 4)
        let pools = ["a": PoolReport(running: 10), "b": PoolReport()]
        var bench = Bench(["a": policy, "b": policy], workersMax: 10, hosts: [host("x", 10, pools)])
        bench.readings["a"]?.waiting = 500
        bench.readings["b"]?.waiting = 500
        bench.tick()
        #expect(bench.workers("a") == 5)
        #expect(bench.workers("b") == 0)
        #expect(bench.decision("b").limit == .fleet)
        bench.hosts[0].pools["a"] = PoolReport(running: 5, draining: 5)
        bench.tick()
        #expect(bench.workers("b") == 0)
        bench.hosts[0].pools["a"] = PoolReport(running: 5, draining: 2)
        bench.tick()
        #expect(bench.workers("b") == 3)
        bench.hosts[0].pools["a"] = PoolReport(running: 5)
        bench.tick()
        #expect(bench.workers("b") == 5)
    }

    @Test func `nobody takes from a queue without data`() {
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 10, slots: 4)
        let pools = ["a": PoolReport(running: 8), "b": PoolReport(running: 2)]
        var bench = Bench(["a": policy, "b": policy], workersMax: 10, hosts: [host("x", 10, pools)])
        bench.readings["b"]?.waiting = 5_000
        for _ in 0..<20 {
            bench.tick(stale: ["a"])
            #expect(bench.workers("a") == 8)
            #expect(bench.workers("b") == 2)
        }
    }

    @Test func `no host is no crash`() {
        var bench = bench([])
        bench.tick()
        #expect(bench.workers() == 0)
        #expect(bench.decision().limit == .fleet)
    }
}
