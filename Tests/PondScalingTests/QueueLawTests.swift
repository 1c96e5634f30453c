import PondCore
import PondScaling
import Testing

@Suite struct QueueLawTests {
    private let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4)

    private func bench(_ change: (inout ScalingPolicy) -> Void = { _ in }) -> Bench {
        var policy = policy
        change(&policy)
        return Bench.single(policy)
    }

    /// A queue in which as much runs as arrives.
    private func steady(_ rate: Int, ticks: Int = 60, _ change: (inout ScalingPolicy) -> Void = { _ in }) -> Bench {
        var bench = bench(change)
        bench.readings["q"]?.inFlight = rate
        bench.ticks(ticks, arriving: rate)
        return bench
    }

    @Test func `a queue starts at its minimum`() {
        var bench = bench { $0.workersMin = 3 }
        bench.tick()
        #expect(bench.workers() == 3)
    }

    @Test func `a steady load settles`() {
        var bench = steady(40)
        #expect(bench.workers() == 11)
        for _ in 0..<30 {
            bench.ticks(1, arriving: 40)
            #expect(bench.workers() == 11)
        }
    }

    @Test func `pending jobs that fill the slots do not hide the backlog`() {
        var bench = steady(20)
        bench.readings["q"]?.inFlight = 24
        bench.readings["q"]?.waiting = 400
        bench.ticks(1, arriving: 20)
        #expect(bench.workers() > 10)
    }

    @Test func `fast jobs at full load keep their workers although nothing ever waits`() {
        var bench = bench { $0.serviceTimeGuess = .milliseconds(20) }
        bench.readings["q"]?.inFlight = 16
        bench.ticks(200, arriving: 800, serviceTime: 0.02)
        #expect(bench.workers() == 5)
    }

    @Test func `growth without panic goes by doubling or four`() {
        var bench = steady(20)
        #expect(bench.workers() == 6)
        bench.readings["q"]?.waiting = 400
        bench.readings["q"]?.oldestWait = .seconds(6)
        bench.ticks(1, arriving: 20)
        #expect(!bench.decision().isPanic)
        #expect(bench.workers() == 12)
        #expect(bench.decision().demand > 12)
    }

    @Test func `panic goes in one step`() {
        var bench = bench()
        bench.tick()
        bench.readings["q"]?.waiting = 1_000
        bench.readings["q"]?.oldestWait = .seconds(9)
        bench.tick()
        #expect(bench.decision().isPanic)
        #expect(bench.workers() == 40)
        #expect(bench.decision().limit == .max)
    }

    @Test func `the clamped size does not hide the demand`() {
        var bench = bench { $0.workersMax = 5 }
        bench.tick()
        bench.readings["q"]?.waiting = 1_000
        bench.tick()
        #expect(bench.workers() == 5)
        #expect(bench.decision().demand > 20)
        #expect(bench.decision().limit == .max)
    }

    @Test func `shrinking waits for the window and goes by a quarter every ten seconds`() {
        var bench = steady(100)
        let large = bench.workers()
        bench.readings["q"]?.inFlight = 4
        var sizes: [Int] = []
        for _ in 0..<90 {
            bench.ticks(1, arriving: 4)
            sizes.append(bench.workers())
        }
        let first = sizes.firstIndex { $0 < large } ?? 0
        #expect(first >= 24)
        for (before, after) in zip(sizes, sizes.dropFirst()) { #expect(before - after <= max(1, before / 4)) }
        let steps = sizes.indices.dropFirst().filter { sizes[$0] < sizes[$0 - 1] }
        for (one, next) in zip(steps, steps.dropFirst()) { #expect(next - one >= 5) }
        #expect(sizes.last ?? 99 <= 6)
    }

    @Test func `nothing shrinks while jobs wait for half the target`() {
        var bench = steady(100)
        let large = bench.workers()
        bench.readings["q"]?.inFlight = 4
        bench.readings["q"]?.oldestWait = .seconds(6)
        bench.ticks(60, arriving: 4)
        #expect(bench.workers() == large)
        #expect(bench.decision().limit == .downWindow)
    }

    @Test func `a lull of a minute does not cost workers`() {
        var bench = steady(40)
        bench.ticks(14, arriving: 5)
        bench.ticks(1, arriving: 40)
        #expect(bench.workers() == 11)
    }

    @Test func `a queue may sleep when nothing has happened for its idle time`() {
        var bench = steady(4) { $0.workersMin = 0 }
        bench.readings["q"]?.inFlight = 0
        bench.ticks(60)
        #expect(bench.workers() > 0)
        bench.ticks(2)
        #expect(bench.workers() == 0)
        bench.ticks(100)
        #expect(bench.workers() == 0)
    }

    enum Coming: CaseIterable {
        case running, dueSoon, dueBeforeIdle, waiting
    }

    @Test(arguments: Coming.allCases)
    func `a queue with anything to come does not sleep`(coming: Coming) {
        var bench = steady(4) { $0.workersMin = 0 }
        bench.readings["q"]?.inFlight = coming == .running ? 1 : 0
        bench.readings["q"]?.dueSoon = coming == .dueSoon ? 1 : 0
        bench.readings["q"]?.dueBeforeIdle = coming == .dueBeforeIdle ? 1 : 0
        bench.readings["q"]?.waiting = coming == .waiting ? 1 : 0
        bench.ticks(120)
        #expect(bench.workers() == 1)
    }

    @Test func `a queue wakes to what it needs, not to one`() {
        var bench = bench { $0.workersMin = 0 }
        bench.ticks(5)
        #expect(bench.workers() == 0)
        bench.readings["q"]?.waiting = 400
        bench.readings["q"]?.arrivals += 400
        bench.tick()
        #expect(bench.workers() > 10)
    }

    @Test func `a paused queue grows by no backlog and shrinks to its minimum`() {
        var bench = steady(40)
        bench.readings["q"]?.isPaused = true
        bench.readings["q"]?.waiting = 5_000
        bench.readings["q"]?.oldestWait = .seconds(900)
        bench.ticks(20, arriving: 40, ending: 0)
        #expect(bench.workers() == 11)
        bench.readings["q"]?.inFlight = 0
        bench.ticks(100, arriving: 40, ending: 0)
        #expect(bench.workers() == 1)
        bench.readings["q"]?.isPaused = false
        bench.ticks(1, arriving: 40, ending: 0)
        #expect(bench.workers() == 40)
    }

    @Test func `the trim grows while jobs are late, and is forgotten when they are not`() {
        var bench = steady(20)
        bench.readings["q"]?.oldestWait = .seconds(11)
        bench.ticks(5, arriving: 20)
        #expect(bench.decision().trim > 1.4)
        bench.readings["q"]?.oldestWait = .zero
        bench.ticks(60, arriving: 20)
        #expect(bench.decision().trim == 1)
    }
}
