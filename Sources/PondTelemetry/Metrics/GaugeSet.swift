import CoreMetrics
import Synchronization

/// Gauges whose label values come and go, as those of queues that somebody else looks after now.
///
/// What is not said any more is not exported any more: a gauge that stays behind would be believed.
package final class GaugeSet: Sendable {
    /// One value to say.
    package struct Reading: Sendable {
        let metric: Metric
        let labels: [String]
        /// What the gauge shows.
        package let value: Double

        /// A value of a gauge with these values of its labels.
        package init(_ metric: Metric, _ labels: String..., value: Double) {
            self.init(metric, of: labels, value: value)
        }

        /// A value of a gauge with these values of its labels.
        package init(_ metric: Metric, of labels: [String], value: Double) {
            self.metric = metric
            self.labels = labels
            self.value = value
        }
    }

    private struct Place: Hashable {
        let metric: String
        let labels: [String]
    }

    private let gauges = Mutex<[Place: Meter]>([:])

    package init() {}

    /// Says these values and none besides.
    package func say(_ readings: [Reading]) {
        gauges.withLock { gauges in
            var stale = gauges
            for reading in readings {
                let place = Place(metric: reading.metric.name, labels: reading.labels)
                let gauge = gauges[place] ?? reading.metric.gauge(of: reading.labels)
                gauge.set(reading.value)
                gauges[place] = gauge
                stale[place] = nil
            }
            for (place, gauge) in stale {
                gauge.destroy()
                gauges[place] = nil
            }
        }
    }
}

/// Counters that somebody else counts, as Redis does: what they rose by since the last look is added.
package final class CounterSet: Sendable {
    private let counters = Mutex<[String: (counter: Counter, last: Int64)]>([:])
    private let metric: Metric

    /// - Parameter metric: a counter with one label.
    package init(_ metric: Metric) {
        self.metric = metric
    }

    /// Says how far the counters are, by their label; those that are not said are not exported any more.
    package func say(_ totals: [String: Int64]) {
        counters.withLock { counters in
            for (label, total) in totals {
                var known = counters[label] ?? (metric.counter(label), 0)
                // Somebody has emptied Redis: a counter that begins again, as readers of counters expect.
                if total < known.last {
                    known.counter.reset()
                    known.last = 0
                }
                known.counter.increment(by: total - known.last)
                counters[label] = (known.counter, total)
            }
            for (label, known) in counters where totals[label] == nil {
                known.counter.destroy()
                counters[label] = nil
            }
        }
    }
}
