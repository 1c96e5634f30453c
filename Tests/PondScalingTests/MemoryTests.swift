import FoundationEssentials
import PondCore
import PondScaling
import Testing

@Suite struct MemoryTests {
    private func size(_ value: some Encodable) throws -> Int { try JSONEncoder().encode(value).count }

    private func bench(_ rate: Int, _ service: Double, queues: Int = 1) -> Bench {
        let policy = ScalingPolicy(waitTarget: .seconds(10), workersMax: 40, slots: 4)
        var bench = Bench(Dictionary(uniqueKeysWithValues: (0..<queues).map { ("q\($0)", policy) }))
        var random = Dice(seed: 3)
        for _ in 0..<900 {
            for queue in bench.readings.keys.sorted() {
                let now = rate / 2 + random.below(rate)
                bench.readings[queue]?.arrivals += now
                bench.readings[queue]?.completions += now
                bench.readings[queue]?.successes += now
                bench.readings[queue]?.busySeconds += Double(now) * service * 1.000_123
                bench.readings[queue]?.inFlight = random.below(100)
                bench.readings[queue]?.waiting = random.below(30)
            }
            bench.tick()
        }
        return bench
    }

    @Test func `a leader's memory survives its way through Redis`() throws {
        var bench = bench(40, 1)
        let copy = try JSONDecoder().decode(FleetScaler.self, from: JSONEncoder().encode(bench.scaler))
        #expect(copy == bench.scaler)
        let plan = try #require(bench.plan)
        #expect(try JSONDecoder().decode(FleetPlan.self, from: JSONEncoder().encode(plan)) == plan)
        // The next leader decides as the last one would have.
        var other = bench
        other.scaler = copy
        for _ in 0..<50 {
            bench.ticks(1, queue: "q0", arriving: 40)
            other.ticks(1, queue: "q0", arriving: 40)
            #expect(bench.plan == other.plan)
        }
    }

    @Test func `the memory of a queue is small`() throws {
        let empty = try size(FleetScaler())
        #expect(try size(bench(40, 1).scaler) - empty <= 4_096)
        #expect(try size(bench(40, 300).scaler) - empty <= 16_384)
        #expect(try size(bench(40, 1, queues: 4).scaler) - empty <= 4 * 4_096)
    }

    @Test func `policies and orders survive theirs`() throws {
        let policy = ScalingPolicy(
            waitTarget: .milliseconds(1_500),
            workersMin: 0,
            reserve: 3,
            idleToZero: .seconds(60)
        )
        let json = try JSONEncoder().encode(policy)
        #expect(try JSONDecoder().decode(ScalingPolicy.self, from: json) == policy)
        #expect(String(decoding: json, as: UTF8.self).contains("\"wait_target_ms\":1500"))
        let orders = FleetOrders(queues: [
            "q": ScalingOrder(kind: .pin, workers: 3, until: ServerTime(milliseconds: 9), by: "ann", reason: "sale")
        ])
        #expect(try JSONDecoder().decode(FleetOrders.self, from: JSONEncoder().encode(orders)) == orders)
    }

    @Test func `an older policy has defaults for what it does not know`() throws {
        let policy = try JSONDecoder().decode(ScalingPolicy.self, from: Data(#"{"wait_target_ms":5000}"#.utf8))
        #expect(policy == ScalingPolicy(waitTarget: .seconds(5)))
    }

    @Test func `what a queue leaves behind is forgotten`() throws {
        var bench = bench(40, 1, queues: 3)
        bench.policy.queues = [:]
        bench.tick()
        #expect(bench.scaler == FleetScaler())
    }
}
