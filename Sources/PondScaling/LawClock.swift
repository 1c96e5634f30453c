import PondCore

/// The law's own time: it only moves forward, and never by more than a reading can vouch for.
///
/// Redis' clock may be set forward or back by hours. All windows of the law count in this time instead, so that a jump
/// neither empties them nor makes a rate of nothing.
struct LawClock: Sendable, Hashable, Codable {
    /// What a reading's time means for the law.
    enum Step {
        /// The first reading: counters have no past.
        case first
        /// So many seconds have passed.
        case after(Double)
        /// Some time has passed and nobody knows how much: rates learn nothing from this reading.
        case unknown
    }

    /// The time of the last reading.
    private(set) var last: ServerTime?
    /// The law's time in milliseconds.
    private(set) var now = 0

    private enum CodingKeys: String, CodingKey {
        case last = "l"
        case now = "n"
    }

    /// Takes the time of a reading; nil when it is the last reading once more.
    mutating func step(to time: ServerTime) -> Step? {
        guard let last else {
            self.last = time
            return .first
        }
        guard time != last else { return nil }
        self.last = time
        let seconds = time.since(last).inSeconds
        guard seconds > 0, seconds <= ScalingConstants.gapMax else {
            now += Int(ScalingConstants.tick * 1_000)
            return .unknown
        }
        now += max(1, Int(seconds * 1_000))
        return .after(seconds)
    }
}
