import PondCore

extension QueueReading {
    /// The reading with every number where it can be: what came from Redis may be anything.
    var sane: QueueReading {
        var sane = self
        let countMax = 1_000_000_000_000
        func limit(_ path: WritableKeyPath<QueueReading, Int>) {
            sane[keyPath: path] = sane[keyPath: path].clamped(to: 0...countMax)
        }
        limit(\.waiting)
        limit(\.inFlight)
        limit(\.dueSoon)
        limit(\.dueBeforeIdle)
        limit(\.arrivals)
        limit(\.completions)
        limit(\.successes)
        limit(\.workers)
        limit(\.ready)
        limit(\.draining)
        sane.busySeconds = busySeconds.clamped(to: 0...1e12)
        // A job from the future has not waited; one from 1970 is a broken clock, not a reason for panic beyond a year.
        sane.oldestWait = min(max(oldestWait, .zero), .seconds(365 * 86_400))
        sane.spawnSeconds = spawnSeconds.map { $0.clamped(to: ScalingConstants.spawnTimes) }
        return sane
    }
}
