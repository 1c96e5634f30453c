/// How laws did on shapes: plain rows, for text, JSON and Markdown.
public struct SimulationTable: Sendable {
    /// One law on one shape, the mean over all seeds.
    public struct Row: Sendable {
        /// The shape's name.
        public var shape: String
        /// The law's name.
        public var law: String
        /// How it did.
        public var score: SimulationScore
    }

    /// In the order of the shapes, then of the laws.
    public private(set) var rows: [Row] = []
    /// The seeds of each row's mean.
    public let seeds: Int
    /// From the request for a worker to its first fetch, in seconds.
    public let spawnSeconds: Double

    /// Runs laws on shapes.
    ///
    /// - Parameters:
    ///   - laws: names of `LawCatalog`; nil for all.
    ///   - seeds: runs of each law on each shape, with the seeds 1, 2, and so on.
    ///   - progress: called behind each run with how many are done and how many there are; throw to stop.
    public init(
        _ shapes: [LoadShape],
        laws names: [String]? = nil,
        seeds: Int,
        spawnSeconds: Double = 3,
        progress: (Int, Int) throws -> Void
    ) rethrows {
        self.seeds = max(1, seeds)
        self.spawnSeconds = spawnSeconds
        let names = names ?? LawCatalog.names
        let total = shapes.count * names.count * self.seeds
        var done = 0
        for shape in shapes {
            for law in names.compactMap({ LawCatalog.law($0, for: shape) }) {
                var scores: [SimulationScore] = []
                for seed in 1...self.seeds {
                    scores.append(
                        Simulation.run(shape, law, seed: UInt64(seed), spawnSeconds: spawnSeconds).score
                    )
                    done += 1
                    try progress(done, total)
                }
                rows.append(Row(shape: shape.name, law: law.name, score: SimulationScore.mean(of: scores)))
            }
        }
    }

    /// The shapes' names, in order.
    public var shapes: [String] { unique(rows.map(\.shape)) }

    /// The laws' names, in order.
    public var laws: [String] { unique(rows.map(\.law)) }

    /// How a law did on a shape; nil when it was not run.
    public func score(_ shape: String, _ law: String) -> SimulationScore? {
        rows.first { $0.shape == shape && $0.law == law }?.score
    }

    /// A law's sum over all shapes of one number.
    public func sum(_ law: String, _ number: (SimulationScore) -> Double) -> Double {
        rows.filter { $0.law == law }.reduce(0) { $0 + number($1.score) }
    }

    private func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }
}
