import PondSimulation
import Testing

@Suite struct SimulationTests {
    private func shape(_ name: String) throws -> LoadShape { try #require(LoadShape.named(name)) }

    @Test func `the same seed gives the same run, another one another`() throws {
        let shape = try shape("burst")
        let one = Simulation.run(shape, MillpondLaw(shape), seed: 9)
        let again = Simulation.run(shape, MillpondLaw(shape), seed: 9)
        #expect(one.score == again.score)
        #expect(one.series == again.series)
        #expect(one.decisions == again.decisions)
        #expect(Simulation.run(shape, MillpondLaw(shape), seed: 10).score != one.score)
    }

    @Test func `a trace without a wait has none`() {
        let jobs = (0..<100).map { LoadShape.TraceJob(time: 1_000 + Double($0), service: 0.5) }
        let shape = LoadShape.trace(name: "mine", jobs: jobs.reversed(), waitTarget: 5)
        let outcome = Simulation.run(shape, MillpondLaw(shape), seed: 1)
        #expect(outcome.score.lateShare == 0)
        #expect(outcome.score.left == 0)
        #expect(abs(outcome.score.busySeconds - 50) < 1e-6)
    }

    @Test func `an empty trace is no crash`() {
        let shape = LoadShape.trace(name: "none", jobs: [])
        let outcome = Simulation.run(shape, MillpondLaw(shape), seed: 1)
        #expect(outcome.score.lateShare == 0)
        #expect(SimulationChart.svg(shape, law: "millpond", outcome).hasSuffix("</svg>\n"))
    }

    @Test func `jobs that never fit are counted as left and old`() {
        let jobs = (0..<1_000).map { LoadShape.TraceJob(time: Double($0) / 100, service: 1_000) }
        let shape = LoadShape.trace(name: "flood", jobs: jobs, waitTarget: 5, workersMax: 2, slots: 1)
        let score = Simulation.run(shape, MillpondLaw(shape), seed: 1).score
        #expect(score.left > 990)
        #expect(score.maxAge > 100)
    }

    @Test func `a picture has both curves, axes with units and a legend`() throws {
        let shape = try shape("step")
        let svg = SimulationChart.svg(shape, law: "a<b>", Simulation.run(shape, MillpondLaw(shape), seed: 1))
        for text in [
            "class=\"granted\"", "class=\"demand\"", "class=\"age\"", "class=\"target\"", "minutes",
            "oldest wait, seconds", "prefers-color-scheme: dark", "a&lt;b&gt; on step",
        ] {
            #expect(svg.contains(text), "\(text)")
        }
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test(arguments: [(1.25, 1, "1.3"), (0, 2, "0.00"), (-0.04, 1, "0.0"), (12_345.6, 0, "12346"), (0.056, 2, "0.06")])
    func `numbers have their decimals`(value: Double, decimals: Int, text: String) {
        #expect(SimulationTable.decimal(value, decimals) == text)
    }
}
