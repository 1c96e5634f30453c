import PondScaling
import PondSimulation
import Testing

/// The law's numbers on the ten shapes, as means of five seeds.
@Suite struct AcceptanceTests {
    static func score(
        _ name: String,
        _ law: (LoadShape) -> any ScalingLaw = { MillpondLaw($0) }
    ) throws
        -> SimulationScore
    {
        let shape = try #require(LoadShape.named(name))
        return SimulationScore.mean(of: (1...5).map { Simulation.run(shape, law(shape), seed: UInt64($0)).score })
    }

    @Test(arguments: [
        // shape, late at most, slot-seconds a slot-second of work at most, flips at most
        ("step", 0.005, 1.30, 2.0),
        ("ramp", 0.005, 1.30, 2),
        ("sine", 0.01, 1.6, 9),
        ("slow-jobs", 0.005, 1.45, 7),
        ("tiny-jobs", 0.04, 2, 2),
        ("poison", 0.01, 1.35, 3),
        ("downstream-slow", 0.025, 1.4, 3),
    ])
    func `jobs wait no longer than they may, at a fair price`(
        shape: String,
        late: Double,
        cost: Double,
        flips: Double
    ) throws {
        let score = try AcceptanceTests.score(shape)
        #expect(score.lateShare <= late)
        #expect(score.cost <= cost)
        #expect(score.flips <= flips)
        #expect(score.busyDrainedBesideIdle == 0)
    }

    @Test func `a burst is served as fast as the most workers can`() throws {
        let score = try AcceptanceTests.score("burst")
        let bound = try AcceptanceTests.score("burst") { _ in AtOnce() }
        #expect(score.p95Wait <= 1.1 * bound.p95Wait)
        #expect(score.flips <= 3)
    }

    @Test func `an overloaded downstream is not given twice the workers for nothing`() throws {
        let score = try AcceptanceTests.score("downstream-cap")
        let blind = try AcceptanceTests.score("downstream-cap") {
            MillpondLaw($0, name: "unguarded", verifiesGrowth: false)
        }
        #expect(score.workerSeconds <= 0.7 * blind.workerSeconds)
        #expect(score.lateShare <= blind.lateShare + 0.01)
    }

    @Test(arguments: 1...5)
    func `an idle queue sleeps in time and wakes at once`(seed: UInt64) throws {
        let shape = try #require(LoadShape.named("idle"))
        let outcome = Simulation.run(shape, MillpondLaw(shape), seed: seed)
        // The last jobs end some seconds behind 600 and 1200; then come 120 idle seconds, 20 are the law's.
        #expect(outcome.sleeps.count == 2)
        for (sleep, start) in zip(outcome.sleeps, [600.0, 1_200]) {
            #expect(sleep >= start + 120)
            #expect(sleep <= start + 140)
        }
        #expect(outcome.series.allSatisfy { $0.time < 600 || $0.age < 7 })
        #expect(outcome.series.last?.granted == 0)
        #expect(outcome.score.lateShare == 0)
        // The first job of all has nobody but the tick and the spawn to wait for.
        #expect(outcome.series.first { $0.time > 606 }?.waiting == 0)
    }

    @Test(arguments: LoadShape.all.map(\.name))
    func `no size leaves its bounds and no busy worker goes before an idle one`(name: String) throws {
        let shape = try #require(LoadShape.named(name))
        let outcome = Simulation.run(shape, MillpondLaw(shape), seed: 77)
        #expect(outcome.score.busyDrainedBesideIdle == 0)
        #expect(outcome.series.allSatisfy { ($0.granted >= shape.workersMin || $0.time > 0) && $0.granted <= 40 })
        #expect(outcome.decisions.allSatisfy { (shape.workersMin...shape.workersMax).contains($0.to) })
    }

    @Test func `slow spawns make the law late, not mad`() throws {
        let shape = try #require(LoadShape.named("step"))
        let scores = (1...3).map {
            Simulation.run(shape, MillpondLaw(shape), seed: UInt64($0), spawnSeconds: 20).score
        }
        let score = SimulationScore.mean(of: scores)
        #expect(score.lateShare <= 0.05)
        #expect(score.cost <= 1.6)
    }
}

/// All workers from the first job that waits on: nothing can be faster.
private struct AtOnce: ScalingLaw {
    let name = "at-once"
    let summary = "all at once"
    let period = 2.0

    mutating func decide(_ view: QueueView) -> LawAnswer? {
        view.time >= 600 ? LawAnswer(workers: 40, spawnsMax: 16) : nil
    }
}
