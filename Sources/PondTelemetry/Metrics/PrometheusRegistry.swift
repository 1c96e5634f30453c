package import CoreMetrics
import Synchronization

// A metrics backend of a few hundred lines: swift-prometheus is not among the packages that a build can rely on here, and
// what a worker exports needs no more. The text is version 0.0.4 of Prometheus' exposition format:
// https://prometheus.io/docs/instrumenting/exposition_formats

/// Keeps what is measured through swift-metrics, and tells it as Prometheus reads it.
///
/// ```swift
/// let registry = PrometheusRegistry()
/// MetricsSystem.bootstrap(registry)
/// ```
///
/// Timers and aggregating recorders become histograms, timers in seconds. Names and labels are made to fit. Everything has
/// a bound: a metric that has `seriesMax` combinations of label values counts further ones together, under `other`.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The combinations of label values that a metric may have.
    package static let seriesMaxDefault = 1_000
    /// The metrics that there may be.
    static let familiesMax = 1_000

    private let state = Mutex<[String: MetricFamily]>([:])
    private let seriesMax: Int

    /// - Parameter seriesMax: the combinations of label values that one metric may have. Defaults to 1,000.
    package init(seriesMax: Int = PrometheusRegistry.seriesMaxDefault) {
        self.seriesMax = max(1, seriesMax)
    }

    /// Everything that was measured, as Prometheus reads it.
    package func text() -> String {
        let families = families
        var text = PrometheusText()
        for name in families.keys.sorted() { families[name].map { text.append($0) } }
        return text.text
    }

    /// All metrics, by name.
    var families: [String: MetricFamily] { state.withLock { $0 } }

    /// A counter; its name gets the suffix `_total`.
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions) ?? DeadEndCell()
    }

    /// A counter of parts; its name gets the suffix `_total`.
    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions) ?? DeadEndCell()
    }

    /// A gauge.
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions) ?? DeadEndCell()
    }

    /// A histogram when it aggregates, a gauge otherwise.
    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) ?? DeadEndCell() }
        return histogram(label, dimensions, unit: "") ?? DeadEndCell()
    }

    /// A histogram in seconds; its name gets the suffix `_seconds`.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, unit: "_seconds") ?? DeadEndCell()
    }

    /// Stops to tell of a counter.
    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    /// Stops to tell of a counter.
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    /// Stops to tell of a gauge.
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    /// Stops to tell of a histogram or gauge.
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    /// Stops to tell of a histogram.
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterCell? {
        series(MetricName.of(label, suffix: "_total"), .counter, dimensions) { .counter(CounterCell()) }?.counter
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeCell? {
        series(MetricName.of(label), .gauge, dimensions) { .gauge(GaugeCell()) }?.gauge
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], unit: String) -> HistogramCell? {
        let name = MetricName.of(label, suffix: unit)
        let bounds = Metric.byName[name]?.bounds ?? Metric.jobRun.bounds
        return series(name, .histogram, dimensions) { .histogram(HistogramCell(bounds: bounds)) }?.histogram
    }

    /// The series with these labels, made when there is none; nil when the name belongs to another kind of metric.
    private func series(
        _ name: String,
        _ kind: Metric.Kind,
        _ dimensions: [(String, String)],
        _ make: () -> MetricSeries
    ) -> MetricSeries? {
        let labels = MetricLabels(dimensions)
        return state.withLock { families in
            if families[name] == nil {
                guard families.count < Self.familiesMax else { return nil }
                families[name] = MetricFamily(name: name, kind: kind)
            }
            guard families[name]?.kind == kind else { return nil }
            return families[name]?.series(labels, atMost: seriesMax, make)
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { families in
            for name in families.keys where families[name]?.remove(handler) == true { return }
        }
    }
}

/// One number, or one histogram, of a metric.
enum MetricSeries: Sendable {
    case counter(CounterCell)
    case gauge(GaugeCell)
    case histogram(HistogramCell)

    var counter: CounterCell? { if case .counter(let cell) = self { cell } else { nil } }
    var gauge: GaugeCell? { if case .gauge(let cell) = self { cell } else { nil } }
    var histogram: HistogramCell? { if case .histogram(let cell) = self { cell } else { nil } }

    var handler: AnyObject {
        switch self {
        case .counter(let cell): cell
        case .gauge(let cell): cell
        case .histogram(let cell): cell
        }
    }
}

/// All series of one name.
struct MetricFamily: Sendable {
    let name: String
    let kind: Metric.Kind
    private(set) var series: [MetricLabels: MetricSeries] = [:]

    init(name: String, kind: Metric.Kind) {
        self.name = name
        self.kind = kind
    }

    mutating func series(_ labels: MetricLabels, atMost most: Int, _ make: () -> MetricSeries) -> MetricSeries {
        if let found = series[labels] { return found }
        let place = series.count < most ? labels : labels.anonymous
        if let found = series[place] { return found }
        let made = make()
        series[place] = made
        return made
    }

    mutating func remove(_ handler: AnyObject) -> Bool {
        guard let place = series.first(where: { $0.value.handler === handler })?.key else { return false }
        series[place] = nil
        return true
    }
}
