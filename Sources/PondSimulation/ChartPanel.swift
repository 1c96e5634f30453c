import Glibc

/// Numbers at which an axis has its marks.
enum ChartAxis {
    /// The least 1, 2 or 5 times a power of ten that is not below the value, in quarters.
    static func nice(_ value: Double) -> Double {
        let step = step(value / 4)
        return (value / step - 1e-9).rounded(.up) * step
    }

    /// A step of 1, 2 or 5 times a power of ten.
    static func step(_ rough: Double) -> Double {
        guard rough > 0, rough.isFinite else { return 1 }
        let power = pow(10, floor(log10(rough)))
        let lead = rough / power
        return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10)
    }

    /// All marks from zero on.
    static func marks(to end: Double, about count: Double) -> [Double] {
        let step = step(end / count)
        return stride(from: 0, through: end * 1.000_001, by: step).map { $0 }
    }
}

/// A part of a chart with axes of its own.
struct ChartPanel {
    let top: Double
    let height: Double
    let xMax: Double
    let yMax: Double

    private static let left = 64.0
    private static let width = 872.0
    private var bottom: Double { top + height }
    private var right: Double { ChartPanel.left + ChartPanel.width }

    /// The grid, the marks of the upright axis and its title.
    func frame(title: String, id: String) -> String {
        var parts = [
            """
            <clipPath id="\(id)"><rect x="64" y="\(text(top))" width="872" height="\(text(height))"/></clipPath>
            <text x="64" y="\(text(top - 6))">\(title)</text>
            """
        ]
        for mark in ChartAxis.marks(to: yMax, about: 4) {
            let y = text(self.y(mark))
            parts.append("<line class=\"grid\" x1=\"64\" y1=\"\(y)\" x2=\"\(text(right))\" y2=\"\(y)\"/>")
            parts.append("<text x=\"56\" y=\"\(text(self.y(mark) + 4))\" text-anchor=\"end\">\(label(mark))</text>")
        }
        return parts.joined(separator: "\n")
    }

    /// The marks of the time axis, in minutes.
    func timeAxis() -> String {
        var parts = ChartAxis.marks(to: xMax / 60, about: 8).map { minute in
            "<text x=\"\(text(x(minute * 60)))\" y=\"\(text(bottom + 18))\" text-anchor=\"middle\">\(label(minute))</text>"
        }
        parts.append("<text x=\"\(text(right))\" y=\"\(text(bottom + 36))\" text-anchor=\"end\">minutes</text>")
        return parts.joined(separator: "\n")
    }

    /// A line that holds each value until the next.
    func steps(_ times: [Double], _ values: [Double], class name: String, id: String) -> String {
        "<path class=\"\(name)\" clip-path=\"url(#\(id))\" d=\"\(path(times, values))\"/>"
    }

    /// The area below such a line.
    func area(_ times: [Double], _ values: [Double], class name: String) -> String {
        guard let first = times.first else { return "" }
        return "<path class=\"\(name)\" d=\"\(path(times, values))V\(text(bottom))H\(text(x(first)))Z\"/>"
    }

    /// A level line.
    func line(at value: Double, class name: String) -> String {
        let y = text(self.y(value))
        return "<line class=\"\(name)\" x1=\"64\" y1=\"\(y)\" x2=\"\(text(right))\" y2=\"\(y)\"/>"
    }

    private func path(_ times: [Double], _ values: [Double]) -> String {
        var path = ""
        for (time, value) in zip(times, values) {
            path += path.isEmpty ? "M\(text(x(time))) \(text(y(value)))" : "H\(text(x(time)))V\(text(y(value)))"
        }
        return path
    }

    private func x(_ time: Double) -> Double { ChartPanel.left + ChartPanel.width * time / xMax }

    private func y(_ value: Double) -> Double { bottom - height * min(value / yMax, 4) }

    private func text(_ value: Double) -> String { SimulationTable.decimal(value, 1) }

    private func label(_ value: Double) -> String {
        value == value.rounded() ? SimulationTable.decimal(value, 0) : SimulationTable.decimal(value, 1)
    }
}
