import PondCore
import PondScaling
import Testing

@Suite struct GuardTests {
    /// A queue whose jobs run at full speed while at most `capacity` run, and share it when there are more.
    private struct Downstream {
        var bench: Bench
        var capacity = 1_000.0
        var waiting = 0.0
        var rate = 20.0

        init() {
            bench = Bench.single(ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4))
            bench.tick()
        }

        mutating func run(ticks: Int) {
            for _ in 0..<ticks {
                let slots = Double(bench.workers() * 4)
                let busy = min(slots, waiting + rate)
                let ended = busy * min(1, capacity / max(1, busy))
                waiting = max(0, waiting + 2 * rate - 2 * ended)
                bench.readings["q"]?.waiting = Int(waiting)
                bench.readings["q"]?.oldestWait = .milliseconds(Int64(waiting / rate * 1_000))
                bench.readings["q"]?.inFlight = Int(busy)
                bench.readings["q"]?.arrivals += Int(2 * rate)
                bench.readings["q"]?.busySeconds += 2 * busy
                bench.readings["q"]?.completions += Int(2 * ended)
                bench.readings["q"]?.successes += Int(2 * ended)
                bench.tick()
            }
        }
    }

    @Test func `growth that finishes no more is held`() {
        var downstream = Downstream()
        downstream.run(ticks: 100)
        let size = downstream.bench.workers()
        downstream.capacity = 10
        downstream.run(ticks: 100)
        #expect(downstream.bench.workers() <= 4 * size)
        #expect(downstream.bench.decision().isDownstreamLimited)
        #expect(downstream.bench.decision().limit == .verifyHold)
        #expect(downstream.bench.decision().demand > downstream.bench.workers())
    }

    @Test func `the hold ends when the downstream is well again`() {
        var downstream = Downstream()
        downstream.run(ticks: 100)
        downstream.capacity = 10
        downstream.run(ticks: 100)
        downstream.capacity = 1_000
        downstream.run(ticks: 120)
        #expect(!downstream.bench.decision().isDownstreamLimited)
        #expect(downstream.waiting == 0)
    }

    @Test func `growth by more arrivals is never held`() {
        var downstream = Downstream()
        downstream.run(ticks: 100)
        downstream.rate = 120
        for _ in 0..<60 {
            downstream.run(ticks: 1)
            #expect(!downstream.bench.decision().isDownstreamLimited)
        }
        #expect(downstream.bench.workers() >= 30)
    }

    private func failing(_ good: Int, of all: Int) -> Bench {
        var bench = Bench.single(ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4))
        bench.readings["q"]?.inFlight = 20
        bench.ticks(60, arriving: 20)
        bench.ticks(31, arriving: all, succeeding: good)
        bench.readings["q"]?.waiting = 4_000
        bench.readings["q"]?.oldestWait = .seconds(100)
        return bench
    }

    @Test func `a queue that mostly fails is held, and tries a step a minute`() {
        var bench = failing(2, of: 20)
        let size = bench.workers()
        bench.ticks(20, arriving: 20, succeeding: 2)
        #expect(bench.workers() == size)
        #expect(bench.decision().limit == .failing)
        bench.ticks(40, arriving: 20, succeeding: 2)
        #expect(bench.workers() > size)
        #expect(bench.workers() <= size + 4)
    }

    @Test func `a few failures hold nothing`() {
        var bench = failing(14, of: 20)
        bench.ticks(3, arriving: 20, succeeding: 14)
        #expect(bench.decision().limit != .failing)
        #expect(bench.workers() == 40)
    }

    @Test func `failures of long ago are no failures`() {
        var bench = failing(0, of: 20)
        bench.readings["q"]?.waiting = 0
        bench.readings["q"]?.oldestWait = .zero
        bench.ticks(31, arriving: 20)
        bench.readings["q"]?.waiting = 4_000
        bench.ticks(2, arriving: 20)
        #expect(bench.decision().failedShare < 0.1)
        #expect(bench.workers() > 20)
    }
}
