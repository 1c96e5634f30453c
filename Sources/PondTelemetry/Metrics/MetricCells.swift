import CoreMetrics
import Synchronization

// The numbers behind what a registry exports. Each is a handler of swift-metrics, and cheap: an atomic addition, or a few
// instructions under a lock that nobody holds for longer.

/// A number that rises.
final class CounterCell: CounterHandler, FloatingPointCounterHandler {
    private let whole = Atomic<Int64>(0)
    /// What cannot be counted in whole ones.
    private let fraction = Mutex(0.0)

    func increment(by amount: Int64) {
        // A counter that falls is one that began again, to whoever reads it.
        guard amount > 0 else { return }
        whole.wrappingAdd(amount, ordering: .relaxed)
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        fraction.withLock { $0 += amount }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fraction.withLock { $0 = 0 }
    }

    var value: Double { Double(whole.load(ordering: .relaxed)) + fraction.withLock { $0 } }
}

/// A number that goes up and down.
final class GaugeCell: MeterHandler, RecorderHandler {
    private let state = Mutex(0.0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0 = value } }
    func increment(by amount: Double) { state.withLock { $0 += amount } }
    func decrement(by amount: Double) { state.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    var value: Double { state.withLock { $0 } }
}

/// Values counted by upper bounds.
final class HistogramCell: TimerHandler, RecorderHandler {
    /// What was counted up to a moment.
    struct Counts: Sendable, Hashable {
        /// By bound, each for itself, and those above all bounds last.
        var buckets: [UInt64]
        var sum = 0.0
    }

    let bounds: [Double]
    private let state: Mutex<Counts>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(Counts(buckets: [UInt64](repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // It has no place in any bucket, and would make the sum useless for good.
        guard !value.isNaN else { return }
        let place = bucket(of: value)
        state.withLock { counts in
            counts.buckets[place] += 1
            counts.sum += value
        }
    }

    /// Adds what was counted elsewhere by the same bounds; by others it is dropped.
    func add(_ buckets: [UInt64], sum: Double) {
        guard buckets.count == bounds.count + 1, sum.isFinite else { return }
        state.withLock { counts in
            for index in buckets.indices { counts.buckets[index] += buckets[index] }
            counts.sum += sum
        }
    }

    /// The first bucket whose bound is not less; by halves, because there are twenty.
    private func bucket(of value: Double) -> Int {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    var counts: Counts { state.withLock { $0 } }
}

/// Takes what has no place: of a name that is taken by a metric of another kind, say.
final class DeadEndCell: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    func increment(by amount: Int64) {}
    func increment(by amount: Double) {}
    func decrement(by amount: Double) {}
    func reset() {}
    func set(_ value: Int64) {}
    func set(_ value: Double) {}
    func record(_ value: Int64) {}
    func record(_ value: Double) {}
    func recordNanoseconds(_ duration: Int64) {}
}
