package import PondScaling

/// Runs a law on a shape, event by event: the same seed gives the same run.
public enum Simulation {
    /// What came of one run.
    public struct Outcome: Sendable {
        /// How the law did.
        public var score: SimulationScore
        /// The run in equal steps, some 500 of them.
        public var series: [SimulationSample]
        /// The decisions that changed a size, of laws that explain themselves.
        package var decisions: [ScalingDecision]
        /// When the last worker was told to go, in seconds.
        public var sleeps: [Double]
    }

    /// Runs a law on a shape.
    ///
    /// - Parameters:
    ///   - seed: of the arrivals, the service times and every other chance.
    ///   - spawnSeconds: from the request for a worker to its first fetch, on average; each takes 80 to 120% of it.
    public static func run(
        _ shape: LoadShape,
        _ law: any ScalingLaw,
        seed: UInt64,
        spawnSeconds: Double = 3
    ) -> Outcome {
        var run = SimulationRun(shape, law, seed: seed, spawnSeconds: spawnSeconds)
        return run.outcome()
    }
}
