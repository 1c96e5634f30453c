import PondCore

/// The lanes that rest because their first row could not go, each until its own time.
struct LaneRests: Sendable {
    private var rests: [String: (failures: Int, until: LocalInstant)] = [:]

    /// The lanes that rest at `now`.
    func resting(at now: LocalInstant) -> Set<String> {
        Set(rests.filter { $0.value.until > now }.keys)
    }

    /// Forgets the lanes whose rest was over at `now` although they had nothing to ship then.
    ///
    /// - Returns: when the first of the others may go on.
    mutating func next(after now: LocalInstant) -> LocalInstant? {
        rests = rests.filter { $0.value.until > now }
        return rests.values.map(\.until).min()
    }

    /// Takes over what a pass has shown.
    ///
    /// - Returns: the rests that begin, for the log.
    mutating func note(_ pass: RelayPass, at now: LocalInstant) -> [String: Duration] {
        var begun: [String: Duration] = [:]
        for lane in pass.moved { rests[lane] = nil }
        for (lane, blocked) in pass.blocks {
            guard case .later = blocked.block else {
                rests[lane] = nil
                continue
            }
            let failures = (rests[lane]?.failures ?? 0) + 1
            let rest = SQLiteLimits.laneRetry.delay(afterFailures: failures)
            rests[lane] = (failures, now + rest)
            begun[lane] = rest
        }
        return begun
    }
}
