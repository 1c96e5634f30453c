package import CoreMetrics

/// One metric that Millpond exports: what it is called, what it says, and which labels it has.
package struct Metric: Sendable, Hashable {
    /// What kind of number it is, by its name in the text format.
    package enum Kind: String, Sendable {
        /// Only rises, and begins again with its process.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts by upper bounds.
        case histogram
    }

    /// Its name, as it is exported.
    package let name: String
    /// What kind of number it is.
    package let kind: Kind
    /// What it says, in one line without a full stop.
    package let help: String
    /// The names of its labels, in the order of the values that the makers below take.
    package let labels: [String]
    /// A histogram's upper bounds, rising, without infinity; empty for the others.
    package let bounds: [Double]

    /// What stands for label values that nobody foresaw.
    package static let otherValue = "other"

    static func counter(_ name: String, _ help: String, _ labels: String...) -> Metric {
        Metric(name: name, kind: .counter, help: help, labels: labels, bounds: [])
    }

    static func gauge(_ name: String, _ help: String, _ labels: String...) -> Metric {
        Metric(name: name, kind: .gauge, help: help, labels: labels, bounds: [])
    }

    static func histogram(_ name: String, _ help: String, _ labels: String..., bounds: [Double]) -> Metric {
        Metric(name: name, kind: .histogram, help: help, labels: labels, bounds: bounds)
    }
}

extension Metric {
    /// Whether somebody has set a metrics system up in this process; without one nothing need be counted.
    package static var isAnybodyListening: Bool { !(MetricsSystem.factory is NOOPMetricsHandler) }

    /// The counter with these values of its labels.
    package func counter(_ values: String...) -> Counter {
        Counter(label: name, dimensions: dimensions(values))
    }

    /// The gauge with these values of its labels.
    package func gauge(_ values: String...) -> Meter { gauge(of: values) }

    /// The gauge with these values of its labels.
    package func gauge(of values: [String]) -> Meter {
        Meter(label: name, dimensions: dimensions(values))
    }

    /// The histogram of times with these values of its labels.
    package func timer(_ values: String...) -> Timer {
        Timer(label: name, dimensions: dimensions(values))
    }

    /// The histogram of other values with these values of its labels.
    package func recorder(_ values: String...) -> Recorder {
        Recorder(label: name, dimensions: dimensions(values), aggregate: true)
    }

    private func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == labels.count, "\(name) has the labels \(labels), not \(values.count) of them")
        return Array(zip(labels, values))
    }
}

extension Timer {
    /// Records how long something took.
    package func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        recordNanoseconds(seconds.multipliedSaturated(by: 1_000_000_000, plus: attoseconds / 1_000_000_000))
    }
}

extension Int64 {
    /// `self * factor + more`, or the largest number of its sign.
    fileprivate func multipliedSaturated(by factor: Int64, plus more: Int64) -> Int64 {
        let (product, isTooLong) = multipliedReportingOverflow(by: factor)
        let (sum, isTooLarge) = product.addingReportingOverflow(more)
        return isTooLong || isTooLarge ? (self < 0 ? .min : .max) : sum
    }
}
