/// Where the boxes of a picture stand and its lines go: rows from top to bottom, each step below all that it comes after.
package struct FlowLayout: Sendable {
    /// A box, or a point where a long line passes a row.
    package struct Spot: Sendable {
        /// The step; nil for a point of a line.
        package var step: Int?
        /// How wide it is.
        package var width: Double
        /// How high it is.
        package var height: Double
        /// The middle of it, from the left.
        package var x = 0.0
        /// Where it begins, from the top.
        package var top = 0.0
    }

    /// The boxes, in the steps' order, and behind them the points.
    package private(set) var spots: [Spot] = []
    private var rows: [[Int]] = []
    /// Lines from spot to spot, one row down each.
    private var links: [(from: Int, to: Int)] = []
    /// Each line as the spots that it passes.
    package private(set) var lines: [[Int]] = []
    /// How wide the picture is.
    package private(set) var width = 0.0
    /// How high the picture is.
    package private(set) var height = 0.0

    private static let gap = 28.0
    private static let rowGap = 46.0
    private static let margin = 24.0
    /// The most points of lines that pass rows.
    private static let pointsMax = 20_000

    /// - Parameter sizes: width and height of each step's box.
    /// - Returns: nil when there are too many lines for a picture that anybody could read.
    package init?(_ order: FlowOrder, sizes: [(width: Double, height: Double)]) {
        rows = Array(repeating: [], count: (order.rows.max() ?? -1) + 1)
        for step in order.sorted.sorted() {
            spots.append(Spot(step: step, width: sizes[step].width, height: sizes[step].height))
            rows[order.rows[step]].append(step)
        }
        for (step, before) in order.after.enumerated() {
            for other in before {
                guard spots.count < sizes.count + Self.pointsMax else { return nil }
                addLine(from: other, to: step, order)
            }
        }
        let neighbours = Neighbours(links, count: spots.count)
        for sweep in 0..<6 { arrange(neighbours, downwards: sweep.isMultiple(of: 2)) }
        placeRows()
        for sweep in 0..<10 { straighten(neighbours, downwards: sweep.isMultiple(of: 2)) }
        moveIntoView()
    }

    private mutating func addLine(from: Int, to: Int, _ order: FlowOrder) {
        var line = [from]
        for row in (order.rows[from] + 1)..<max(order.rows[to], order.rows[from] + 1) {
            spots.append(Spot(width: 10, height: 0))
            rows[row].append(spots.count - 1)
            line.append(spots.count - 1)
        }
        line.append(to)
        for (from, to) in zip(line, line.dropFirst()) { links.append((from, to)) }
        lines.append(line)
    }

    /// What stands above and below each spot.
    private struct Neighbours {
        var above: [[Int]]
        var below: [[Int]]

        init(_ links: [(from: Int, to: Int)], count: Int) {
            above = Array(repeating: [], count: count)
            below = above
            for (from, to) in links {
                below[from].append(to)
                above[to].append(from)
            }
        }
    }

    /// Sorts the spots of each row by where their neighbours in the row before stand, so that few lines cross.
    private mutating func arrange(_ neighbours: Neighbours, downwards: Bool) {
        var places = [Double](repeating: 0, count: spots.count)
        for row in rows { for (place, spot) in row.enumerated() { places[spot] = Double(place) } }
        for row in downwards ? Array(rows.indices) : rows.indices.reversed() {
            let wanted = rows[row].map { spot in
                Self.mean((downwards ? neighbours.above : neighbours.below)[spot].map { places[$0] }) ?? places[spot]
            }
            let sorted = rows[row].indices.sorted { (wanted[$0], $0) < (wanted[$1], $1) }
            rows[row] = sorted.map { rows[row][$0] }
            for (place, spot) in rows[row].enumerated() { places[spot] = Double(place) }
        }
    }

    private static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// How far the middles of two neighbours have to be apart.
    private func distance(_ left: Int, _ right: Int) -> Double {
        (spots[left].width + spots[right].width) / 2 + Self.gap
    }

    private mutating func placeRows() {
        var top = Self.margin
        for row in rows {
            var x = 0.0
            for (place, spot) in row.enumerated() {
                if place > 0 { x += distance(row[place - 1], spot) }
                spots[spot].x = x
            }
            let tallest = row.map { spots[$0].height }.max() ?? 0
            for spot in row {
                spots[spot].x -= x / 2
                // A line passes the whole height of a row, or its curves would cut the corners of the boxes beside it.
                if spots[spot].step == nil { spots[spot].height = tallest }
                spots[spot].top = top + (tallest - spots[spot].height) / 2
            }
            top += tallest + Self.rowGap
        }
        height = top - Self.rowGap + Self.margin
    }

    /// Moves the spots of each row as near to their neighbours' middle as they can come without changing their order.
    private mutating func straighten(_ neighbours: Neighbours, downwards: Bool) {
        for row in downwards ? rows : rows.reversed() where !row.isEmpty {
            var offsets = [0.0]
            for (left, right) in zip(row, row.dropFirst()) {
                offsets.append((offsets.last ?? 0) + distance(left, right))
            }
            let wanted = zip(row, offsets).map { spot, offset in
                let near = (downwards ? neighbours.above : neighbours.below)[spot].map { spots[$0].x }
                return (Self.mean(near) ?? spots[spot].x) - offset
            }
            for (place, x) in Self.nearestRising(wanted).enumerated() { spots[row[place]].x = x + offsets[place] }
        }
    }

    /// The rising numbers that are nearest to the given ones: those that fall are taken together at their mean.
    private static func nearestRising(_ wanted: [Double]) -> [Double] {
        var groups: [(sum: Double, count: Int)] = []
        for value in wanted {
            groups.append((value, 1))
            while groups.count > 1 {
                let (last, before) = (groups[groups.count - 1], groups[groups.count - 2])
                guard before.sum / Double(before.count) > last.sum / Double(last.count) else { break }
                groups.removeLast(2)
                groups.append((before.sum + last.sum, before.count + last.count))
            }
        }
        return groups.flatMap { Array(repeating: $0.sum / Double($0.count), count: $0.count) }
    }

    private mutating func moveIntoView() {
        let left = spots.map { $0.x - $0.width / 2 }.min() ?? 0
        for spot in spots.indices { spots[spot].x += Self.margin - left }
        width = (spots.map { $0.x + $0.width / 2 }.max() ?? 0) + Self.margin
    }
}
