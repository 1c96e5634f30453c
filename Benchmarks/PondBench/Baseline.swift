import FoundationEssentials

/// The ratios of an earlier run, to notice when something has become slower.
struct Baseline: Codable, Sendable, Hashable {
    /// A ratio that is so much worse than it was that noise does not explain it.
    struct Loss: Sendable, Hashable {
        let name: String
        let before: Double
        let now: Double

        var text: String { "\(name): the ratio was \(before.short) and is \(now.short)" }
    }

    /// What part of a ratio may be lost.
    static let tolerance = 0.25

    /// The median ratio of each measurement.
    var ratios: [String: Double]

    init(ratios: [String: Double]) {
        self.ratios = ratios
    }

    init(_ data: Data) throws {
        self = try JSONDecoder().decode(Baseline.self, from: data)
    }

    init(_ report: Report) {
        ratios = report.ratios.mapValues { (($0.median * 1_000).rounded()) / 1_000 }
    }

    /// What became worse by more than the tolerance; what only one side knows is not compared.
    func losses(in now: [String: Ratio]) -> [Loss] {
        ratios.sorted { $0.key < $1.key }.compactMap { name, before in
            guard let ratio = now[name] else { return nil }
            let isLost =
                ratio.isBetterHigher
                ? ratio.median < before * (1 - Self.tolerance) : ratio.median > before / (1 - Self.tolerance)
            return isLost ? Loss(name: name, before: before, now: ratio.median) : nil
        }
    }

    var text: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

/// A measured ratio to the floor.
struct Ratio: Sendable, Hashable {
    let median: Double
    let isBetterHigher: Bool
}
