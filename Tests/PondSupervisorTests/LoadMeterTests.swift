import PondCore
import PondQueue
import PondScaling
import PondSupervisor
import PondTestKit
import Testing

/// Totals out of what workers say of themselves.
@Suite struct LoadMeterTests {
    private func load(_ seconds: Int64, _ workers: (String, Double, Int, Int)...) -> QueueLoad {
        QueueLoad(
            now: ServerTime(milliseconds: seconds * 1_000),
            ready: 5,
            inFlight: 3,
            oldestReady: .seconds(2),
            arrivals: 100,
            dueSoon: 1,
            dueLater: 4,
            isPaused: false,
            fault: nil,
            workers: workers.map { name, busy, ended, succeeded in
                QueueLoad.Worker(
                    consumer: Consumer(name),
                    lastBeat: ServerTime(milliseconds: seconds * 1_000),
                    load: WorkerLoad(slots: 4, busy: .seconds(busy), ended: ended, succeeded: succeeded)
                )
            }
        )
    }

    @Test func `what was done before anybody counted is not news`() {
        var meter = LoadMeter()
        let reading = meter.reading(load(10, ("a", 50, 100, 90)), pools: [])
        #expect(reading.busySeconds == 0)
        #expect(reading.completions == 0)
    }

    @Test func `what is done afterwards is added, and a new worker counts from its start`() {
        var meter = LoadMeter()
        _ = meter.reading(load(10, ("a", 50, 100, 90)), pools: [])
        let reading = meter.reading(load(12, ("a", 53, 104, 92), ("b", 1.5, 2, 2)), pools: [])
        #expect(reading.busySeconds == 4.5)
        #expect(reading.completions == 6)
        #expect(reading.successes == 4)
    }

    @Test func `totals never fall when workers go`() {
        var meter = LoadMeter()
        _ = meter.reading(load(10, ("a", 0, 0, 0)), pools: [])
        _ = meter.reading(load(12, ("a", 5, 9, 9)), pools: [])
        let gone = meter.reading(load(14), pools: [])
        #expect(gone.completions == 9)
        // One that was cut off and comes back goes on where it was.
        let back = meter.reading(load(16, ("a", 6, 10, 10)), pools: [])
        #expect(back.completions == 10)
        #expect(back.busySeconds == 6)
    }

    @Test func `workers are those that the hosts report`() {
        var meter = LoadMeter()
        let pools = [
            PoolReport(running: 3, starting: 1, draining: 2, spawnSeconds: 0.2),
            PoolReport(running: 1, starting: 0, draining: 0, spawnSeconds: 0.5),
        ]
        let reading = meter.reading(load(10), pools: pools)
        #expect((reading.workers, reading.ready, reading.draining) == (4, 3, 2))
        #expect(reading.spawnSeconds == 0.5)
        #expect((reading.waiting, reading.inFlight, reading.dueSoon, reading.dueBeforeIdle) == (5, 3, 1, 4))
    }

    @Test func `a worker that says nothing is no worker of the law's`() {
        var meter = LoadMeter()
        var silent = load(10)
        silent = QueueLoad(
            now: silent.now,
            ready: 0,
            inFlight: 0,
            oldestReady: .zero,
            arrivals: 0,
            dueSoon: 0,
            dueLater: 0,
            isPaused: true,
            fault: nil,
            workers: [QueueLoad.Worker(consumer: Consumer("x"), lastBeat: silent.now, load: nil)]
        )
        let reading = meter.reading(silent, pools: [])
        #expect(reading.completions == 0)
        #expect(reading.isPaused)
    }
}

/// What the machine has, from texts of the kernel.
@Suite struct HostMeterTests {
    @Test func `memory and pressure are read from the kernel's texts`() {
        #expect(HostFacts.bytes(of: "MemAvailable", in: "MemTotal: 9 kB\nMemAvailable:   2048 kB\n") == 2_097_152)
        #expect(HostFacts.bytes(of: "MemAvailable", in: "MemTotal: 9 kB\n") == nil)
        let text = "some avg10=12.50 avg60=3.00 avg300=1.00 total=1\nfull avg10=99.00 avg60=0 avg300=0 total=0\n"
        #expect(HostFacts.pressure(in: text) == 0.125)
        #expect(HostFacts.pressure(in: "") == nil)
    }

    @Test func `processors are those that this process may use`() {
        #expect(HostFacts.cores(in: "Name:\tx\nCpus_allowed:\t00000000,0000000f\nCpus_allowed_list:\t0-3\n") == 4)
        #expect(HostFacts.cores(in: "Cpus_allowed:\t3\n") == 2)
        #expect(HostFacts.cores(in: "Name:\tx\n") == nil)
    }

    @Test func `this machine has processors and memory`() {
        let facts = HostFacts.read()
        #expect(facts.cores >= 1)
        #expect(facts.memoryAvailable > 1 << 20)
        #expect(facts.memoryAvailable < 1 << 50)
    }

    @Test func `the least of setting, processors and memory bounds a host, and it says which`() {
        let facts = HostFacts(cores: 4, memoryAvailable: 1 << 30)
        var limits = HostLimits(workersPerCore: 8, memoryReserve: 0)
        let byMemory = HostCapacity(facts, limits, running: 2, workerMemory: 256 << 20)
        #expect((byMemory.workers, byMemory.limit) == (6, .hostMemory))
        let byCores = HostCapacity(facts, limits, running: 2, workerMemory: 1 << 20)
        #expect((byCores.workers, byCores.limit) == (32, .hostCPU))
        limits.workersMax = 3
        let bySetting = HostCapacity(facts, limits, running: 2, workerMemory: 1 << 20)
        #expect((bySetting.workers, bySetting.limit) == (3, .max))
    }

    @Test func `a host without free memory carries what it has and no more`() {
        let facts = HostFacts(cores: 4, memoryAvailable: 10 << 20)
        let capacity = HostCapacity(facts, HostLimits(), running: 5, workerMemory: nil)
        #expect((capacity.workers, capacity.limit) == (5, .hostMemory))
    }

    @Test(arguments: [(0.59, 0.05, true, nil), (0.61, 0.05, true, 1), (0.1, 0.11, false, nil)])
    func `where memory is short nothing grows, where processors are short one at a time`(
        cpu: Double,
        memory: Double,
        mayGrow: Bool,
        growthMax: Int?
    ) {
        let facts = HostFacts(cores: 4, memoryAvailable: 1 << 40, cpuPressure: cpu, memoryPressure: memory)
        let capacity = HostCapacity(facts, HostLimits(), running: 0, workerMemory: nil)
        #expect(capacity.mayGrow == mayGrow)
        #expect(capacity.growthMax == growthMax)
    }
}

/// What a pool's events tell.
@Suite struct PoolWatchTests {
    private func clock(_ now: @escaping @Sendable () -> LocalInstant) -> LocalClock {
        LocalClock(now: now, sleep: { _ in })
    }

    @Test func `five deaths in a minute without a job are a crash loop, and a job that ends is not`() {
        let start = LocalInstant.now
        let watch = PoolWatch(clock: clock { start })
        for pid in 1...4 { watch.note(.exited(slot: 0, pid: Int32(pid), status: .signaled(9), wasExpected: false)) }
        #expect(!watch.isCrashLooping)
        watch.note(jobsEnded: 3)
        for pid in 5...9 { watch.note(.exited(slot: 0, pid: Int32(pid), status: .signaled(9), wasExpected: false)) }
        #expect(watch.isCrashLooping)
        watch.note(jobsEnded: 4)
        #expect(!watch.isCrashLooping)
    }

    @Test func `ends that were asked for are no deaths`() {
        let start = LocalInstant.now
        let watch = PoolWatch(clock: clock { start })
        for pid in 1...9 { watch.note(.exited(slot: 0, pid: Int32(pid), status: .exited(0), wasExpected: true)) }
        #expect(!watch.isCrashLooping)
    }

    @Test func `the time from spawn to ready is kept, and moves slowly`() {
        let clocks = HandClock()
        let watch = PoolWatch(clock: clocks.local)
        #expect(watch.spawnSeconds == nil)
        watch.note(.spawned(slot: 0, pid: 1))
        clocks.advance(by: .seconds(1))
        watch.note(.ready(slot: 0, pid: 1))
        #expect(watch.spawnSeconds == 1)
        watch.note(.spawned(slot: 0, pid: 2))
        clocks.advance(by: .seconds(2))
        watch.note(.ready(slot: 0, pid: 2))
        #expect(abs((watch.spawnSeconds ?? 0) - 1.2) < 1e-9)
    }
}
