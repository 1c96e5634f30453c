package import PondTelemetry
import Synchronization

/// A supervisor's part: counts what its workers counted, so that one address tells of all of them.
///
/// Counters and histograms are added to its own, so they never fall when a worker ends. Gauges are kept by worker and end
/// with it.
package final class WorkerCounts: Sendable {
    private struct Place: Hashable {
        let metric: Metric
        let labels: [String]
    }

    private let registry: PrometheusRegistry
    /// By process; one that is not here has ended, and its last lines, which come late, change no gauge.
    private let workers = Mutex<[Int32: [Place: Double]]>([:])
    /// A worker says two gauges a queue, and serves few.
    private static let gaugesMax = 256

    package init(_ registry: PrometheusRegistry) {
        self.registry = registry
    }

    /// A worker process exists.
    package func began(_ pid: Int32) { workers.withLock { $0[pid] = [:] } }

    /// A worker process has ended.
    package func ended(_ pid: Int32) { workers.withLock { $0[pid] = nil } }

    /// Takes a line of a worker in; one that is none is dropped.
    package func take(_ line: String) {
        guard let tab = line.firstIndex(of: "\t"), let pid = Int32(line[..<tab]),
            let delta = MetricDelta(text: line[line.index(after: tab)...])
        else { return }
        guard case .gauge(let value) = delta.amount else { return registry.add(delta) }
        guard CountsReporter.gauges.contains(delta.metric) else { return }
        workers.withLock { workers in
            guard let count = workers[pid]?.count, count < Self.gaugesMax else { return }
            workers[pid]?[Place(metric: delta.metric, labels: delta.labels)] = value
        }
    }

    /// The gauges of all workers that there are, in sum.
    package var readings: [GaugeSet.Reading] {
        let sums = workers.withLock { workers in
            workers.values.reduce(into: [Place: Double]()) { $0.merge($1, uniquingKeysWith: +) }
        }
        return sums.map { GaugeSet.Reading($0.key.metric, of: $0.key.labels, value: $0.value) }
    }
}
