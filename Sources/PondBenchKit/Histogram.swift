import PondCore

/// How often which duration was seen, in buckets that are at most 1/64 (1.6 %) of their value wide.
///
/// 64 buckets for each doubling, so that a value is found by its highest bits; the memory is the same for ten values
/// and for ten million.
package struct Histogram: Sendable {
    private static let bits = 6
    private static var perDoubling: Int { 1 << bits }

    private var counts = [Int](repeating: 0, count: (64 - bits) * (1 << bits))
    /// How many were noted.
    package private(set) var count = 0
    /// The longest, exactly.
    package private(set) var longest = Duration.zero

    package init() {}

    /// Notes a duration; what is negative counts as zero.
    package mutating func note(_ duration: Duration) {
        counts[Self.bucket(of: duration.wholeNanoseconds)] += 1
        count += 1
        longest = max(longest, duration)
    }

    /// Adds what another one noted.
    package mutating func merge(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        longest = max(longest, other.longest)
    }

    /// The least duration that so large a part of all did not exceed, rounded up to its bucket's end.
    ///
    /// Zero when nothing was noted.
    /// - Parameter part: from 0 to 1, as in 0.99.
    package func quantile(_ part: Double) -> Duration {
        let wanted = max(1, Int((part * Double(count)).rounded(.up)))
        var seen = 0
        for (index, here) in counts.enumerated() {
            seen += here
            if seen >= wanted { return min(.nanoseconds(Self.upperEnd(of: index)), longest) }
        }
        return longest
    }

    /// Values below 64 have a bucket each; from there on the highest bit chooses the row and the next six the bucket.
    private static func bucket(of value: UInt64) -> Int {
        guard value >= UInt64(perDoubling) else { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - bits
        return (shift + 1) * perDoubling + Int(value >> UInt64(shift)) - perDoubling
    }

    private static func upperEnd(of bucket: Int) -> Int64 {
        guard bucket >= perDoubling else { return Int64(bucket) }
        let shift = bucket / perDoubling - 1
        let digits = UInt64(bucket % perDoubling + perDoubling)
        return Int64(clamping: ((digits + 1) << UInt64(shift)) - 1)
    }
}

extension Duration {
    /// The duration in nanoseconds, zero when it is negative, and never more than what the histogram has buckets for.
    fileprivate var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let whole = UInt64(min(seconds, 4_000_000_000)) * 1_000_000_000
        return whole + UInt64(attoseconds / 1_000_000_000)
    }
}
