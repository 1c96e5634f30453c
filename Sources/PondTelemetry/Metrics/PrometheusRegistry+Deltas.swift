import CoreMetrics

// One registry that counts what others have counted, so that a supervisor can tell of its workers.

extension PrometheusRegistry {
    /// How far our own metrics are: gauges of every process, metrics of programs, and what is 0 are left out.
    ///
    /// - Parameter gauges: those that mean something beside the same ones of other processes.
    package func ownTotals(gauges: Set<Metric>) -> [MetricDelta] {
        families.values.flatMap { family -> [MetricDelta] in
            guard let metric = Metric.byName[family.name], metric.kind != .gauge || gauges.contains(metric) else {
                return []
            }
            return family.series.compactMap { labels, series in
                // Most of what a worker could count, by kind and outcome, it never does.
                guard let total = series.total else { return nil }
                // Label values in the metric's order; a program may count with other labels under a name of ours.
                let values = metric.labels.compactMap { name in labels.pairs.first { $0.name == name }?.value }
                guard values.count == labels.pairs.count, values.count == metric.labels.count else { return nil }
                return MetricDelta(metric, values, total)
            }
        }
    }

    /// Counts what another process has counted; what a gauge of it shows is not for here.
    package func add(_ delta: MetricDelta) {
        let dimensions = Array(zip(delta.metric.labels, delta.labels))
        switch delta.amount {
        case .counter(let number): makeCounter(label: delta.metric.name, dimensions: dimensions).increment(by: number)
        case .gauge: return
        case .histogram(let buckets, let sum):
            // Both kinds of histograms have a name that says its unit, so it is found as it is.
            let cell = makeRecorder(label: delta.metric.name, dimensions: dimensions, aggregate: true)
            (cell as? HistogramCell)?.add(buckets, sum: sum)
        }
    }
}

extension MetricSeries {
    /// Nil for a counter or a histogram that has counted nothing.
    fileprivate var total: MetricDelta.Amount? {
        switch self {
        // Of whole numbers, as all of ours are; somebody else's counter of parts under our name is cut.
        case .counter(let cell):
            let number = Int64(exactly: cell.value.rounded(.down)) ?? 0
            return number > 0 ? .counter(number) : nil
        case .gauge(let cell): return .gauge(cell.value)
        case .histogram(let cell):
            let counts = cell.counts
            return counts.buckets.contains { $0 > 0 } ? .histogram(counts.buckets, sum: counts.sum) : nil
        }
    }
}
