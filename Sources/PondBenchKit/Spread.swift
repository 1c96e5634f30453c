/// What several measurements of one thing came to: the middle one, and how far the others lie from it.
package struct Spread: Sendable, Hashable, Codable {
    /// The middle one; of an even number, the mean of the two in the middle.
    package let median: Double
    /// The smallest.
    package let least: Double
    /// The largest.
    package let most: Double

    /// - Returns: nil when there is no measurement, or one is no number.
    package init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last, values.allSatisfy(\.isFinite) else { return nil }
        let middle = sorted.count / 2
        median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        least = first
        most = last
    }
}
