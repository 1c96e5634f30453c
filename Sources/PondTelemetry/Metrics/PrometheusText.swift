/// Metrics as text, version 0.0.4 of the format.
struct PrometheusText {
    /// The media type of the text.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// Adds a metric: what it is, then its series, sorted.
    mutating func append(_ family: MetricFamily) {
        guard !family.series.isEmpty else { return }
        if let help = Metric.byName[family.name]?.help {
            text += "# HELP \(family.name) \(PrometheusText.escapedHelp(help))\n"
        }
        text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        let lines = family.series.map { (labels: PrometheusText.inside($0.key), series: $0.value) }
        for (labels, series) in lines.sorted(by: { $0.labels < $1.labels }) {
            switch series {
            case .counter(let cell): append(family.name, labels, cell.value)
            case .gauge(let cell): append(family.name, labels, cell.value)
            case .histogram(let cell): append(family.name, labels, cell)
            }
        }
    }

    private mutating func append(_ name: String, _ labels: String, _ cell: HistogramCell) {
        let counts = cell.counts
        let prefix = labels.isEmpty ? "" : labels + ","
        var total: UInt64 = 0
        for (bound, count) in zip(cell.bounds, counts.buckets) {
            total += count
            append(name + "_bucket", "\(prefix)le=\"\(PrometheusText.number(bound))\"", Double(total))
        }
        total += counts.buckets.last ?? 0
        append(name + "_bucket", "\(prefix)le=\"+Inf\"", Double(total))
        append(name + "_sum", labels, counts.sum)
        append(name + "_count", labels, Double(total))
    }

    private mutating func append(_ name: String, _ labels: String, _ value: Double) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(PrometheusText.number(value))\n"
    }

    /// `a="b",c="d"`.
    private static func inside(_ labels: MetricLabels) -> String {
        labels.pairs.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
    }

    /// A label's value between quotes.
    static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    static func escapedHelp(_ help: String) -> String {
        help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    /// As short as it can be read back.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Whole numbers that a double holds exactly.
        if value.magnitude < 9_007_199_254_740_992, value == value.rounded() { return String(Int64(value)) }
        return "\(value)"
    }
}

extension PrometheusRegistry {
    /// The media type of ``text()``.
    package static let contentType = PrometheusText.contentType
}
