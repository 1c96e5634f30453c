extension SimulationTable {
    /// The headings of `cells`.
    public static let headings = [
        "shape", "law", "late %", "p95 s", "oldest s", "worker-s", "cost", "flips", "busy drained", "peak", "left",
    ]

    /// A row as texts, in the order of `headings`.
    public static func cells(_ row: Row) -> [String] {
        let score = row.score
        return [
            row.shape, row.law, percent(score.lateShare), decimal(score.p95Wait, 1), decimal(score.maxAge, 1),
            decimal(score.workerSeconds, 0), decimal(score.cost, 2), decimal(score.flips, 1),
            decimal(score.busyDrained, 1), decimal(score.peak, 0), decimal(score.left, 0),
        ]
    }

    /// A law a row and a shape a column: jobs that were late, thousands of worker-seconds, changes of direction.
    public var markdown: String {
        let shapes = shapes
        var lines = ["| late % / worker-k·s / flips | " + shapes.joined(separator: " | ") + " | all shapes |"]
        lines.append("| --- |" + String(repeating: " --- |", count: shapes.count + 1))
        for law in laws {
            let cells = shapes.map { score($0, law).map(SimulationTable.cell) ?? "–" }
            let sums =
                "\(SimulationTable.thousands(sum(law, \.workerSeconds))) / "
                + SimulationTable.decimal(sum(law, \.flips), 0)
            lines.append("| \(law) | " + cells.joined(separator: " | ") + " | \(sums) |")
        }
        return lines.joined(separator: "\n")
    }

    private static func cell(_ score: SimulationScore) -> String {
        "\(percent(score.lateShare)) / \(thousands(score.workerSeconds)) / \(decimal(score.flips, 0))"
    }

    private static func percent(_ share: Double) -> String { decimal(share * 100, 1) }

    private static func thousands(_ value: Double) -> String {
        decimal(value / 1_000, value < 9_950 ? 1 : 0)
    }

    /// The number with so many decimals.
    public static func decimal(_ value: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled.isFinite, scaled < 9e15 else { return "∞" }
        let digits = String(Int64(scaled))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }
}
