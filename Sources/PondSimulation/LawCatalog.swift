/// All laws by name.
public enum LawCatalog {
    /// Millpond's own law first, then the rivals, set for a shape as a careful user would set them.
    public static func all(for shape: LoadShape) -> [any ScalingLaw] {
        [MillpondLaw(shape) as any ScalingLaw] + RivalLaw.all(for: shape).map { $0 as any ScalingLaw }
    }

    /// The names of all laws.
    public static var names: [String] { LoadShape.all.first.map { all(for: $0).map(\.name) } ?? [] }

    /// The law of this name, set for a shape; nil when there is none.
    public static func law(_ name: String, for shape: LoadShape) -> (any ScalingLaw)? {
        all(for: shape).first { $0.name == name }
    }
}
