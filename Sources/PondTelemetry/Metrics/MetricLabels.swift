/// The labels of a series, sorted by name, names made to fit.
struct MetricLabels: Sendable, Hashable {
    let pairs: [Pair]

    struct Pair: Sendable, Hashable {
        let name: String
        let value: String
    }

    /// The longest value that is kept whole, in bytes.
    static let valueBytesMax = 256
    /// The labels that a series may have.
    static let countMax = 16

    /// Of labels with the same name the last one counts.
    init(_ dimensions: [(String, String)]) {
        var values: [String: String] = [:]
        for (name, value) in dimensions.prefix(Self.countMax) {
            values[MetricName.ofLabel(name)] = MetricLabels.cut(value)
        }
        pairs = values.sorted { $0.key < $1.key }.map { Pair(name: $0.key, value: $0.value) }
    }

    private init(pairs: [Pair]) {
        self.pairs = pairs
    }

    /// The same with no value but the one for what nobody foresaw.
    var anonymous: MetricLabels {
        MetricLabels(pairs: pairs.map { Pair(name: $0.name, value: Metric.otherValue) })
    }

    private static func cut(_ value: String) -> String {
        guard value.utf8.count > valueBytesMax else { return value }
        var bytes = 0
        let kept = value.unicodeScalars.prefix { scalar in
            bytes += UTF8.width(scalar)
            return bytes <= valueBytesMax
        }
        return String(String.UnicodeScalarView(kept))
    }
}

/// Names as Prometheus allows them.
enum MetricName {
    /// The name of a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`, with the suffix that its kind asks for.
    static func of(_ label: String, suffix: String = "") -> String {
        let name = fitted(label, allowing: ":")
        return name.hasSuffix(suffix) ? name : name + suffix
    }

    /// The name of a label: `[a-zA-Z_][a-zA-Z0-9_]*`, none that Prometheus keeps for itself.
    static func ofLabel(_ label: String) -> String {
        let name = fitted(label, allowing: nil)
        return name == "le" || name == "quantile" || name.hasPrefix("__") ? "label_" + name.trimmedUnderscores : name
    }

    private static func fitted(_ text: String, allowing more: Unicode.Scalar?) -> String {
        var name = ""
        for scalar in text.unicodeScalars.prefix(200) {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": name.unicodeScalars.append(scalar)
            case "0"..."9":
                if name.isEmpty { name = "_" }
                name.unicodeScalars.append(scalar)
            default: name.unicodeScalars.append(scalar == more ? scalar : "_")
            }
        }
        return name.isEmpty ? "_" : name
    }
}

extension String {
    fileprivate var trimmedUnderscores: String { String(drop { $0 == "_" }) }
}
