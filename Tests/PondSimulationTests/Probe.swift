import PondSimulation
import Testing
import Glibc

@Suite struct Probe {
    @Test func `probe`() {
        for shape in LoadShape.all {
            var laws: [any ScalingLaw] = [MillpondLaw(shape)]
            if getenv("RIVALS") != nil {
                laws += RivalLaw.all(for: shape) as [any ScalingLaw];
                laws.append(MillpondLaw(shape, name: "no-guard", verifiesGrowth: false))
            }
            for law in laws {
                let clock = ContinuousClock()
                var scores: [SimulationScore] = []
                let time = clock.measure {
                    scores = (1...5).map { Simulation.run(shape, law, seed: UInt64($0)).score }
                }
                let m = SimulationScore.mean(of: scores)
                func r(_ x: Double) -> Double { (x * 1000).rounded() / 1000 }
                print(
                    shape.name,
                    law.name,
                    "late%",
                    r(m.lateShare * 100),
                    "p95",
                    r(m.p95Wait),
                    "max",
                    r(m.maxAge),
                    "ws",
                    r(m.workerSeconds / 1000),
                    "cost",
                    r(m.cost),
                    "flips",
                    m.flips,
                    "acts",
                    m.actions,
                    "bd",
                    m.busyDrained,
                    m.busyDrainedBesideIdle,
                    "peak",
                    m.peak,
                    "left",
                    m.left,
                    time
                )
            }
        }
    }
}
