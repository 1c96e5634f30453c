import PondCore
import PondScaling
import Testing

/// A fleet of hosts that come and go, obey late, drain slowly and report what they had a tick ago.
private struct Walk {
    var dice: Dice
    var bench: Bench
    /// What really is, by host and queue.
    var truth: [String: [String: PoolReport]] = [:]
    var lost: [String: Int] = [:]
    let names: [String]
    let maxOfFleet: Int

    init(seed: UInt64) {
        dice = Dice(seed: seed)
        names = (0..<(1 + dice.below(4))).map { "q\($0)" }
        maxOfFleet = 6 + dice.below(30)
        var policies: [String: ScalingPolicy] = [:]
        for name in names {
            let most = 2 + dice.below(20)
            policies[name] = ScalingPolicy(
                waitTarget: .seconds(1 + dice.below(60)),
                workersMin: dice.below(2),
                workersMax: most,
                reserve: dice.below(3),
                weight: 1 + dice.below(4),
                slots: 1 + dice.below(10),
                idleToZero: .seconds(20)
            )
        }
        bench = Bench(policies, workersMax: maxOfFleet, hosts: [])
        for host in 0..<(1 + dice.below(3)) { join("h\(host)") }
    }

    mutating func join(_ id: String) {
        truth[id] = Dictionary(uniqueKeysWithValues: names.map { ($0, PoolReport()) })
        bench.hosts.append(HostReport(id: id, workersMax: 2 + dice.below(20), pools: truth[id] ?? [:]))
    }

    /// Processes that exist, wherever.
    var processes: Int {
        truth.values.joined().reduce(0) { $0 + $1.value.running + $1.value.draining } + lost.values.reduce(0, +)
    }

    mutating func report() {
        for index in bench.hosts.indices {
            bench.hosts[index].pools = truth[bench.hosts[index].id] ?? [:]
            bench.hosts[index].mayGrow = !dice.once(in: 20)
            bench.hosts[index].growthMax = dice.once(in: 10) ? 1 : nil
            for name in names where dice.once(in: 40) { bench.hosts[index].pools[name]?.isCrashLooping = true }
        }
        bench.orphans = lost.values.reduce(0, +)
    }

    mutating func read() {
        bench.at = bench.at.advanced(by: .milliseconds(Int64(500 + dice.below(4_000))))
        for name in names {
            let now = dice.below(dice.once(in: 10) ? 400 : 20)
            bench.readings[name]?.at = bench.at
            bench.readings[name]?.waiting = dice.below(4) * now
            bench.readings[name]?.inFlight = dice.below(30)
            bench.readings[name]?.oldestWait = .seconds(dice.below(80))
            bench.readings[name]?.arrivals += now
            bench.readings[name]?.completions += now
            bench.readings[name]?.successes += dice.below(now + 1)
            bench.readings[name]?.busySeconds += Double(dice.below(40))
            bench.readings[name]?.workers = truth.values.reduce(0) { $0 + ($1[name]?.running ?? 0) }
            bench.readings[name]?.isPaused = dice.once(in: 30)
        }
    }

    mutating func plan(stale: Set<String>) -> FleetPlan {
        let plan = bench.scaler.plan(
            readings: bench.readings.filter { !stale.contains($0.key) },
            hosts: bench.hosts,
            orphans: bench.orphans,
            policy: bench.policy,
            orders: bench.orders,
            previous: bench.plan,
            at: bench.at,
            token: 1
        )
        bench.plan = plan
        return plan
    }

    /// Hosts do what the plan says, sometimes not yet; what drains ends some time.
    mutating func obey(_ plan: FleetPlan) {
        for (id, sizes) in plan.hosts where !dice.once(in: 4) {
            for (name, size) in sizes {
                guard var pool = truth[id]?[name] else { continue }
                if size < pool.running { pool.draining += pool.running - size }
                pool.running = size
                truth[id]?[name] = pool
            }
        }
        for id in truth.keys {
            for name in names where dice.once(in: 3) { truth[id]?[name]?.draining = 0 }
        }
    }

    /// A host leaves the fleet and its processes live on for a while; another joins.
    mutating func comeAndGo() {
        if bench.hosts.count > 1, dice.once(in: 60) {
            let gone = bench.hosts.remove(at: dice.below(bench.hosts.count))
            let pools = truth.removeValue(forKey: gone.id) ?? [:]
            lost[gone.id] = pools.values.reduce(0) { $0 + $1.running + $1.draining }
        }
        for id in lost.keys where dice.once(in: 10) { lost[id] = nil }
        if bench.hosts.count < 4, dice.once(in: 60) { join("h\(dice.below(1_000_000))") }
    }
}

@Suite struct RandomWalkTests {
    @Test(arguments: 1...12)
    func `no plan of a wild fleet breaks a bound`(seed: UInt64) {
        var walk = Walk(seed: seed)
        for _ in 0..<700 {
            walk.comeAndGo()
            walk.report()
            walk.read()
            let before = walk.bench.plan
            let stale = Set(walk.names.filter { _ in walk.dice.once(in: 12) })
            let plan = walk.plan(stale: stale)
            expectRoom(walk, plan)
            expectHosts(walk, plan, before)
            expectQueues(walk, plan, before, stale)
            walk.obey(plan)
            #expect(walk.processes <= walk.maxOfFleet)
        }
    }

    /// What runs or may be started, what drains and what is lost never exceed the fleet's maximum together.
    private func expectRoom(_ walk: Walk, _ plan: FleetPlan) {
        let sum = walk.bench.hosts.reduce(walk.bench.orphans) { sum, host in
            let reported = host.pools.values.reduce(0) { $0 + $1.running + $1.draining }
            return sum + max(reported, plan.workers(on: host.id))
        }
        #expect(sum <= walk.maxOfFleet)
    }

    private func expectHosts(_ walk: Walk, _ plan: FleetPlan, _ before: FleetPlan?) {
        for host in walk.bench.hosts {
            let old = before?.workers(on: host.id) ?? 0
            #expect(plan.workers(on: host.id) <= max(host.workersMax, old))
            for (name, pool) in host.pools where !host.mayGrow || pool.isCrashLooping {
                let old = before?.hosts[host.id]?[name] ?? pool.running
                let policy = walk.bench.policy.queues[name]
                // What a queue is owed it gets in spite of pressure, and what is held for want of data is owed.
                let new = plan.hosts[host.id]?[name] ?? 0
                let isOwed =
                    new <= max(policy?.workersMin ?? 0, policy?.reserve ?? 0)
                    || plan.decisions[name]?.limit == .stale
                #expect(new <= old || (isOwed && !pool.isCrashLooping))
            }
        }
    }

    private func expectQueues(_ walk: Walk, _ plan: FleetPlan, _ before: FleetPlan?, _ stale: Set<String>) {
        for name in walk.names {
            guard let decision = plan.decisions[name], let policy = walk.bench.policy.queues[name] else {
                Issue.record("no decision for \(name)")
                continue
            }
            #expect(decision.to == plan.workers(of: name))
            #expect((policy.workersMin...policy.workersMax).contains(decision.wanted))
            #expect(decision.to <= policy.workersMax)
            #expect(decision.sentence.hasPrefix("\(name) "))
            if stale.contains(name) { #expect(decision.limit == .stale) }
            let sameHosts = Set(before?.hosts.keys.map { $0 } ?? []) == Set(plan.hosts.keys)
            if stale.contains(name), sameHosts, let old = before?.workers(of: name), old >= policy.workersMin {
                #expect(decision.wanted >= old)
            }
        }
    }
}
