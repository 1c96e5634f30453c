/// What a queue asks of a fleet that it shares.
package struct Claim: Sendable, Hashable {
    /// Its name, which breaks ties.
    package var queue: String
    /// Workers that it wants.
    package var wanted: Int
    /// Of these, workers that it is owed before anyone has more than the like.
    package var floor: Int
    /// Its share of the rest.
    package var weight: Int

    package init(queue: String, wanted: Int, floor: Int, weight: Int) {
        self.queue = queue
        self.wanted = wanted
        self.floor = floor
        self.weight = weight
    }
}

/// Divides a fleet among queues: floors first, then the rest by weighted max-min.
///
/// Nobody is given more than it wants, so what one queue leaves is there for the others, its reserve included. On
/// shortage queues rise together, each as fast as its weight, until it has what it wants or nothing is left.
package enum Sharing {
    /// Workers by queue; their sum is at most `capacity`.
    package static func grants(_ claims: [Claim], capacity: Int) -> [String: Int] {
        let claims = claims.sorted { $0.queue < $1.queue }
        let wanted = claims.map { max(0, $0.wanted) }
        let floors = zip(claims, wanted).map { max(0, min($0.floor, $1)) }
        let weights = claims.map { Double(max(1, $0.weight)) }
        let capacity = max(0, capacity)
        let granted = fill(floors, weights, capacity)
        let rest = capacity - granted.reduce(0, +)
        let more = fill(zip(wanted, granted).map { $0 - $1 }, weights, rest)
        return Dictionary(uniqueKeysWithValues: zip(claims.map(\.queue), zip(granted, more).map { $0 + $1 }))
    }

    /// Pours `capacity` into vessels of these sizes, whose width is their weight; whole workers by largest fraction.
    private static func fill(_ sizes: [Int], _ weights: [Double], _ capacity: Int) -> [Int] {
        guard sizes.reduce(0, +) > capacity else { return sizes }
        let level = waterLevel(sizes, weights, Double(capacity))
        let exact = zip(sizes, weights).map { min(Double($0), $1 * level) }
        // The addend forgives the last bits of a division that should have come out whole.
        var whole = exact.map { Int($0 + 1e-9) }
        var rest = capacity - whole.reduce(0, +)
        let order = sizes.indices.sorted {
            let left = exact[$0] - Double(whole[$0])
            let right = exact[$1] - Double(whole[$1])
            // Fractions that differ in the last bits only are a tie, which goes to the name that sorts first.
            return abs(left - right) > 1e-9 ? left > right : $0 < $1
        }
        for index in order where rest > 0 && whole[index] < sizes[index] {
            whole[index] += 1
            rest -= 1
        }
        return whole
    }

    /// The level at which the vessels that are not full hold the capacity together with the full ones.
    private static func waterLevel(_ sizes: [Int], _ weights: [Double], _ capacity: Double) -> Double {
        var left = capacity
        var width = weights.reduce(0, +)
        let byLevel = sizes.indices.sorted { Double(sizes[$0]) / weights[$0] < Double(sizes[$1]) / weights[$1] }
        for index in byLevel {
            let level = Double(sizes[index]) / weights[index]
            if level * width >= left { break }
            left -= Double(sizes[index])
            width -= weights[index]
        }
        return width > 0 ? left / width : 0
    }
}
