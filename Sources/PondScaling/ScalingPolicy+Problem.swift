import PondCore

extension ScalingPolicy {
    /// The longest wait, service time and idle time that a policy may name: a week.
    package static let durationMax = Duration.seconds(7 * 86_400)
    /// The most slots of one worker.
    package static let slotsMax = 10_000
    /// The heaviest weight.
    package static let weightMax = 1_000

    /// The first thing that is wrong with the policy, with the value and its bounds; nil when it is well.
    ///
    /// - Parameter maxOfFleet: how many workers the whole fleet may have.
    package func problem(maxOfFleet: Int) -> String? {
        let longest = ScalingPolicy.durationMax
        return Bound.duration("wait target", waitTarget, .milliseconds(100), longest)
            ?? Bound.count("maximum of workers", workersMax, 1, max(1, maxOfFleet), "the fleet's maximum")
            ?? Bound.count("minimum of workers", workersMin, 0, workersMax, "its maximum")
            ?? Bound.count("reserve", reserve, 0, workersMax, "its maximum")
            ?? Bound.count("weight", weight, 1, ScalingPolicy.weightMax)
            ?? Bound.count("number of slots", slots, 1, ScalingPolicy.slotsMax)
            ?? Bound.duration("guess of the service time", serviceTimeGuess, .milliseconds(1), longest)
            ?? Bound.duration("idle time before zero", idleToZero, .seconds(1), longest)
    }
}

/// Says what is wrong with one value.
private enum Bound {
    static func count(_ name: String, _ value: Int, _ low: Int, _ high: Int, _ why: String? = nil) -> String? {
        guard value < low || value > high else { return nil }
        return "the \(name) is \(value); it must be \(low) to \(high)" + (why.map { " (\($0))" } ?? "")
    }

    static func duration(_ name: String, _ value: Duration, _ low: Duration, _ high: Duration) -> String? {
        guard value < low || value > high else { return nil }
        return "the \(name) is \(Plain.seconds(value.inSeconds)); it must be "
            + "\(Plain.seconds(low.inSeconds)) to \(Plain.seconds(high.inSeconds))"
    }
}
