import PondCore
import PondScaling
import Testing

@Suite struct SmokeTests {
    @Test func `smoke`() {
        var bench = Bench.single(ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4))
        for step in 0..<40 {
            bench.ticks(1, arriving: step < 20 ? 20 : 5)
            print(bench.decision().sentence)
        }
        bench.readings["q"]?.waiting = 300
        bench.readings["q"]?.oldestWait = .seconds(9)
        bench.ticks(2, arriving: 5)
        print(bench.decision().sentence)
        print(bench.plan!.hosts)
    }
}
