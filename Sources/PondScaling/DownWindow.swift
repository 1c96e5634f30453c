/// The largest demand of the last minutes: a queue shrinks to this and no further, so that a lull does not cost workers.
struct DownWindow: Sendable, Hashable {
    private struct Entry: Sendable, Hashable {
        /// When it was first seen, in milliseconds of the law's time.
        var since: Int
        var workers: Int
    }

    /// Falling in size: what is not larger than a later one can never be the largest again.
    private var entries: [Entry] = []
    /// The window is kept in this many parts at most.
    private static let parts = 30

    /// Two service times, within bounds.
    static func length(_ serviceTime: Double) -> Double {
        (2 * serviceTime).clamped(to: ScalingConstants.downWindow)
    }

    /// The largest of the window; nil when it is empty.
    var largest: Int? { entries.first?.workers }

    /// Adds the demand of this tick and forgets what is older than `seconds`.
    mutating func add(_ workers: Int, at now: Int, seconds: Double) {
        let length = Int(seconds * 1_000)
        let part = length / DownWindow.parts
        entries.removeAll { $0.since + part < now - length }
        while let last = entries.last, last.workers <= workers { entries.removeLast() }
        if let last = entries.last, now - last.since < part, entries.count >= DownWindow.parts { return }
        entries.append(Entry(since: now, workers: workers))
    }

    /// Forgets everything.
    mutating func clear() {
        entries.removeAll()
    }
}

// MARK: Compact coding: one array of numbers.

extension DownWindow: Codable {
    init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        while !values.isAtEnd {
            entries.append(Entry(since: try values.decode(Int.self), workers: try values.decode(Int.self)))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        for entry in entries {
            try values.encode(entry.since)
            try values.encode(entry.workers)
        }
    }
}
