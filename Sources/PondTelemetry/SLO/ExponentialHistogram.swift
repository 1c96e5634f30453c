import Glibc
import PondCore

/// How often durations fell into buckets that grow by a fixed factor, from a millisecond to a week.
///
/// The buckets are those of OpenTelemetry's exponential histogram of scale 2: each is 2^¼, 19 %, longer than the one before,
/// and holds its upper bound. A quantile is found by a smooth curve through the buckets: within 5 % of the exact one where
/// durations spread by a tenth or more, within 12 % where they are all the same. What is shorter than a millisecond counts
/// as one, what is longer than a week as a week.
package struct ExponentialHistogram: Sendable, Hashable {
    /// How many buckets there are: 117 from 1 ms to 7 days.
    package static let bucketCount = 117
    /// How often a duration fell into each bucket, the shortest first.
    package private(set) var counts: [Int]

    /// An empty histogram.
    package init() {
        counts = [Int](repeating: 0, count: Self.bucketCount)
    }

    /// A histogram of counts that were kept elsewhere; what is missing at the end is 0, what is too much is left out.
    package init(counts: some Collection<Int>) {
        self.init()
        for (index, count) in counts.prefix(Self.bucketCount).enumerated() { self.counts[index] = max(0, count) }
    }

    /// How many durations it has.
    package var total: Int { counts.reduce(0, +) }

    /// Whether it has none.
    package var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }

    /// Counts a duration.
    package mutating func record(_ duration: Duration) {
        counts[Self.bucket(of: duration)] += 1
    }

    /// Adds all that another one has.
    package mutating func merge(_ other: ExponentialHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// The bucket that a duration falls into, from 0.
    package static func bucket(of duration: Duration) -> Int {
        // Before anything is divided, because most times of short jobs end here.
        guard duration.attoseconds > 1_000_000_000_000_000 else { return 0 }
        // In 64 bits, as dividing 128 of them takes long: a unit of 2^20 attoseconds is nothing beside a millisecond, and a
        // week has less than 2^63 of them.
        let milliseconds = Double(Int64(exactly: duration.attoseconds >> 20) ?? .max) * (0x1p20 / 1e15)
        let part = milliseconds.significand
        let quarter = part > quarters.2 ? 4 : part > quarters.1 ? 3 : part > quarters.0 ? 2 : part > 1 ? 1 : 0
        return min(bucketCount - 1, max(0, 4 * Int(milliseconds.exponent) + quarter - 1))
    }

    /// 2^¼, 2^½ and 2^¾.
    private static let quarters = (1.189_207_115_002_721, 1.414_213_562_373_095, 1.681_792_830_507_429)
}

extension ExponentialHistogram {
    /// The duration that a part of all durations does not exceed, to the microsecond.
    ///
    /// - Parameter part: from 0 to 1, as 0.95.
    /// - Returns: nil when the histogram is empty.
    package func quantile(_ part: Double) -> Duration? {
        let rank = min(1, max(0, part)) * Double(total)
        var before = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            guard before + Double(count) >= rank else {
                before += Double(count)
                continue
            }
            let place = Double(index) + place(of: rank - before, in: index)
            return .microseconds(Int64((1_000 * exp2(place / 4)).rounded()))
        }
        return nil
    }

    /// Where in a bucket, from 0 to 1, so many of its durations lie below.
    ///
    /// The curve of the durations below a place goes through all bounds and never falls: a cubic a bucket, with slopes that
    /// the neighbours give it (Fritsch and Carlson's, by harmonic means).
    private func place(of below: Double, in index: Int) -> Double {
        let count = Double(counts[index])
        func slope(with neighbour: Int) -> Double {
            let other = counts.indices.contains(neighbour) ? Double(counts[neighbour]) : 0
            return other == 0 ? 0 : 2 * count * other / (count + other)
        }
        let (first, last) = (slope(with: index - 1), slope(with: index + 1))
        var (low, high) = (0.0, 1.0)
        for _ in 0..<40 {
            let t = (low + high) / 2
            let (t2, t3) = (t * t, t * t * t)
            let curve = count * (3 * t2 - 2 * t3) + first * (t3 - 2 * t2 + t) + last * (t3 - t2)
            if curve < below { low = t } else { high = t }
        }
        return high
    }
}
