import Glibc

/// Feedback on the oldest wait: it corrects a demand that is too small although every measurement looks right.
struct AgeTrim: Sendable, Hashable, Codable {
    /// What the demand is multiplied by, 1 to 3.
    private(set) var factor = 1.0

    private enum CodingKeys: String, CodingKey {
        case factor = "f"
    }

    /// Takes the oldest wait of a tick.
    ///
    /// - Parameter isFrozen: whether growth is impossible or held, so that a larger demand would say nothing.
    mutating func update(oldestWait: Double, waitTarget: Double, isFrozen: Bool, seconds: Double) {
        let ticks = seconds / ScalingConstants.tick
        if oldestWait > waitTarget, !isFrozen {
            factor = min(ScalingConstants.trimMax, factor * pow(ScalingConstants.trimGrowth, ticks))
        } else if oldestWait < ScalingConstants.setPoint * waitTarget {
            factor = max(1, factor * pow(ScalingConstants.trimDecay, ticks))
        }
    }
}
