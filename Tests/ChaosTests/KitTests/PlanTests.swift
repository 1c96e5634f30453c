import ChaosKit
import Testing

@Suite struct PlanTests {
    private let phase = Duration.seconds(165)

    @Test func `the same seed gives the same plan, another gives another`() {
        func plan(_ seed: UInt64) -> NemesisPlan {
            NemesisPlan(seed: seed, phase: phase, rates: NemesisPlan.rates())
        }
        #expect(plan(7) == plan(7))
        #expect(plan(7) != plan(8))
    }

    @Test func `every kind that has a rate happens, however short the run`() {
        for length in [20, 165, 1_800] {
            let plan = NemesisPlan(seed: 1, phase: .seconds(length), rates: NemesisPlan.rates())
            #expect(Set(plan.faults.map(\.kind)) == Set(NemesisPlan.rates().keys))
        }
    }

    @Test func `a kind that this machine cannot play is left out`() {
        let rates = NemesisPlan.rates(without: [.diskFull])
        #expect(!NemesisPlan(seed: 1, phase: phase, rates: rates).faults.contains { $0.kind == .diskFull })
    }

    @Test(arguments: 1...20) func `faults of Redis never overlap, nor do those of the network`(seed: UInt64) {
        let plan = NemesisPlan(seed: seed, phase: phase, rates: NemesisPlan.rates())
        for track in [FaultKind.Track.redis, .network] {
            let faults = plan.faults.filter { $0.kind.track == track }
            for (fault, next) in zip(faults, faults.dropFirst()) { #expect(fault.at + fault.duration <= next.at) }
            #expect(faults.allSatisfy { $0.at + $0.duration <= phase })
        }
    }

    @Test func `a clock is turned further than a lease, and comes back soon enough`() {
        let plan = NemesisPlan(seed: 3, phase: .seconds(1_800), rates: NemesisPlan.rates())
        let jumps = plan.faults.filter { $0.kind == .redisClock }.map(\.n)
        #expect(jumps.allSatisfy { (5_000...15_000).contains(abs($0)) })
        #expect(jumps.contains { $0 > 0 } && jumps.contains { $0 < 0 })
    }
}
