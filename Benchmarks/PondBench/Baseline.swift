import FoundationEssentials

/// The figures of an earlier run, to notice when something has become slower.
struct Baseline: Codable, Sendable, Hashable {
    /// A figure that is so much worse than it was that noise does not explain it.
    struct Loss: Sendable, Hashable {
        let name: String
        let before: Double
        let now: Double
        /// Whether `before` is a bound and no measurement.
        var isBound = false

        var text: String { "\(name): \(isBound ? "its bound is" : "it was") \(before.short) and it is \(now.short)" }
    }

    /// What part of a ratio may be lost.
    static let tolerance = 0.25
    /// By what part an instruction count may grow: batches differ a little from run to run.
    static let instructionTolerance = 0.1

    /// The median ratio of each measurement.
    var ratios: [String: Double] = [:]
    /// Instructions a job, by name.
    var instructions: [String: Double] = [:]

    /// What figures that are no ratios must not be worse than, by name; set by hand.
    var bounds: [String: Double] = [:]

    init(ratios: [String: Double] = [:], instructions: [String: Double] = [:], bounds: [String: Double] = [:]) {
        self.ratios = ratios
        self.bounds = bounds
        self.instructions = instructions
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        ratios = try values.decodeIfPresent([String: Double].self, forKey: .ratios) ?? [:]
        instructions = try values.decodeIfPresent([String: Double].self, forKey: .instructions) ?? [:]
        bounds = try values.decodeIfPresent([String: Double].self, forKey: .bounds) ?? [:]
    }

    init(file: String) throws {
        self = try JSONDecoder().decode(Baseline.self, from: Data(contentsOf: URL(filePath: file)))
    }

    /// Whether there is anything to compare a measurement with.
    func has(_ name: String) -> Bool { ratios[name] != nil || bounds[name] != nil }

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

    /// What is beyond its bound.
    func violations(in now: [String: Ratio]) -> [Loss] {
        bounds.sorted { $0.key < $1.key }.compactMap { name, bound in
            guard let value = now[name] else { return nil }
            let isBeyond = value.isBetterHigher ? value.median < bound : value.median > bound
            return isBeyond ? Loss(name: name, before: bound, now: value.median, isBound: true) : nil
        }
    }

    private func losses(in report: Report) -> [Loss] {
        losses(in: report.ratios) + violations(in: report.values)
    }

    /// What is worse, and stays so when it alone is measured again; a busy machine has its bad moments.
    ///
    /// - Parameter measure: measures what has these names once more.
    func lasting(
        in report: Report,
        secondLooks: Int,
        measure: @Sendable (Set<String>) async throws -> Report
    ) async throws -> [Loss] {
        var losses = losses(in: report)
        for _ in 0..<secondLooks where !losses.isEmpty {
            losses = self.losses(in: try await measure(Set(losses.map(\.name))))
        }
        return losses
    }

    /// Jobs that take more instructions than they may.
    func instructionLosses(in now: [String: Double]) -> [Loss] {
        instructions.sorted { $0.key < $1.key }.compactMap { name, before in
            guard let count = now[name], count > before * (1 + Self.instructionTolerance) else { return nil }
            return Loss(name: name, before: before, now: count)
        }
    }

    /// Writes the figures into a file; what is there and was not measured now stays.
    func save(in file: String) throws {
        var all = FileManager.default.fileExists(atPath: file) ? try Baseline(file: file) : Baseline()
        all.ratios.merge(ratios) { _, newer in newer }
        all.bounds.merge(bounds) { _, newer in newer }
        all.instructions.merge(instructions) { _, newer in newer }
        try Data((try all.text + "\n").utf8).write(to: URL(filePath: file), options: .atomic)
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
