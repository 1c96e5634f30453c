import PondSimulation
import Testing

@Suite struct RivalTests {
    private static let steady = ["step", "ramp", "sine"]

    @Test func `no rival that is in time on steady loads costs less, and the closest flap more`() {
        let steady = RivalTests.steady.compactMap { LoadShape.named($0) }
        let trial = SimulationTable(steady, seeds: 1) { _, _ in }
        let good = trial.laws.dropFirst().filter { law in
            RivalTests.steady.allSatisfy { trial.score($0, law)?.lateShare ?? 1 <= 0.05 }
        }
        #expect(good.contains("keda-busy") && good.contains("horizon-auto") && good.contains("sla-hybrid"))
        let table = SimulationTable(LoadShape.all, laws: ["millpond"] + good, seeds: 2) { _, _ in }
        let own = table.sum("millpond", \.workerSeconds)
        for law in good { #expect(own < table.sum(law, \.workerSeconds), "\(law)") }
        for law in ["horizon-auto", "sla-hybrid"] { #expect(table.sum("millpond", \.flips) < table.sum(law, \.flips)) }
        #expect(table.markdown.split(separator: "\n").count == 2 + table.laws.count)
    }

    @Test func `pending entries as a signal never ask for more than the slots there are`() throws {
        let shape = try #require(LoadShape.named("step"))
        let law = try #require(LawCatalog.law("keda-pending", for: shape))
        #expect(Simulation.run(shape, law, seed: 1).score.lateShare > 0.9)
    }

    @Test func `a law for every name, and a shape`() {
        #expect(LawCatalog.names.count == 10)
        #expect(Set(LawCatalog.names).count == 10)
        #expect(Set(LoadShape.all.map(\.name)).count == 10)
        #expect(LoadShape.named("nothing") == nil)
        #expect(LawCatalog.law("nothing", for: LoadShape.all[0]) == nil)
    }
}
