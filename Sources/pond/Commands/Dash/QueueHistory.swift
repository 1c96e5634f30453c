import PondCore
import PondInsight
import PondScaling

/// What is drawn of one look at a queue.
struct QueuePoint: Sendable, Hashable {
    /// Counts from the first look on, so that groups of points stay together while they move.
    var sequence: Int
    var ready = 0.0
    var oldest = 0.0
    var arriving = 0.0
    var leaving = 0.0
    var workers = 0.0
    /// Nil without a fleet.
    var demand: Double?
}

/// The last two minutes of a queue.
struct QueueHistory: Sendable {
    /// The points that are kept.
    static let pointsMax = 120
    /// How many looks a rate in a table spans, so that it can be read.
    private static let rateLooks = 5

    /// Looks that follow sooner are no point of their own: a rate over so short a time is chance.
    private static let pauseMin = Duration.milliseconds(250)

    private struct Mark: Sendable {
        let at: ServerTime
        let arrivals: Int
        let done: Int
    }

    /// Oldest first.
    private(set) var points: [QueuePoint] = []
    private var marks: [Mark] = []
    private var looks = 0

    /// Jobs a second that became runnable over the last looks; nil before the second.
    var arriving: Double? { rate(from: marks.first, \.arrivals) }
    /// Jobs a second that were done over the last looks; nil before the second.
    var leaving: Double? { rate(from: marks.first, \.done) }

    /// What charts of workers and of demand go up to, so that they can be compared; four at least, so that one worker
    /// does not look like many.
    var sizeMost: Double { points.reduce(4) { max($0, $1.workers, $1.demand ?? 0) } }

    /// Takes note of a look.
    mutating func take(_ sample: QueueSample) {
        let mark = Mark(at: sample.at, arrivals: sample.arrivals, done: sample.done)
        if let last = marks.last {
            guard mark.at.since(last.at) >= Self.pauseMin else { return }
            // A counter that went back is another Redis, or a queue that began again.
            if mark.arrivals < last.arrivals || mark.done < last.done { marks = [] }
        }
        let previous = marks.last
        marks.append(mark)
        if marks.count > Self.rateLooks { marks.removeFirst() }
        points.append(
            QueuePoint(
                sequence: looks,
                ready: Double(sample.ready),
                oldest: sample.ready > 0 ? sample.oldest.inSeconds : 0,
                arriving: rate(from: previous, \.arrivals) ?? 0,
                leaving: rate(from: previous, \.done) ?? 0,
                workers: Double(sample.workers.count),
                demand: sample.decision.map { Double($0.demand) }
            )
        )
        if points.count > Self.pointsMax { points.removeFirst() }
        looks += 1
    }

    private func rate(from first: Mark?, _ count: KeyPath<Mark, Int>) -> Double? {
        guard let first, let last = marks.last, last.at > first.at else { return nil }
        return Double(last[keyPath: count] - first[keyPath: count]) / last.at.since(first.at).inSeconds
    }

    /// The values for a chart of so many columns, the newest to the right and nil where there is none: the largest of
    /// the points that share a column.
    func columns(_ count: Int, _ value: (QueuePoint) -> Double?) -> [Double?] {
        guard count > 0 else { return [] }
        let each = (Self.pointsMax + count - 1) / count
        let newest = (looks - 1) / each
        var columns = [Double?](repeating: nil, count: count)
        for point in points {
            let column = count - 1 - (newest - point.sequence / each)
            guard column >= 0, let value = value(point) else { continue }
            columns[column] = max(columns[column] ?? value, value)
        }
        return columns
    }
}
