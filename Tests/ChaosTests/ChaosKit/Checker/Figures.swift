/// The numbers of a run, beside its verdict.
package struct Figures: Sendable {
    package var attempted = 0
    package var acknowledged = 0
    package var unknown = 0
    package var refused = 0
    package var done = 0
    package var dead = 0
    package var redeliveries = 0
    package var recoveredUnknown = 0
    /// From the death of a worker to the next delivery of each job that it ran, in milliseconds, sorted.
    package var recoveries: [Int64] = []
    /// Those of them during which Redis was there, its clock went on, and no other worker was killed or stopped: what is
    /// promised for the death of a worker alone.
    package var calmRecoveries: [Int64] = []
    /// The longest of those, a few, the longest first.
    package var longestRecoveries: [Recovery] = []
    /// From the moment at which a killed Redis answers again to the next delivery of any job, in milliseconds, sorted.
    package var restarts: [Int64] = []
    /// How long after its time a delayed job was delivered while no fault was on, in milliseconds, sorted.
    package var lateness: [Int64] = []
    /// Crash points that ended a worker, by name.
    package var crashes: [String: Int] = [:]

    package init(_ history: History) {
        for job in history.jobs.values {
            if job.wasAttempted { attempted += 1 }
            if job.isAcknowledged { acknowledged += 1 }
            if job.isUnknown { unknown += 1 }
            if job.wasRefused { refused += 1 }
            if job.isUnknown, !job.isAcknowledged, !job.deliveries.isEmpty { recoveredUnknown += 1 }
            let accepted = job.effects.filter { $0.isAccepted && $0.step == "effect" }
            redeliveries += max(0, accepted.count - 1)
        }
        done = history.ends.values.reduce(0) { $0 + $1.count { $0 == "done" } }
        dead = history.places.values.reduce(0) { $0 + $1.count { $0.place == "dead" } }
        measureDeliveries(history)
        crashes = Figures.crashes(in: history)
        let all = Recovery.all(in: history)
        recoveries = all.map(\.milliseconds).sorted()
        let calm = all.filter { $0.isCalm(in: history) }.sorted { $0.milliseconds > $1.milliseconds }
        calmRecoveries = calm.map(\.milliseconds).reversed()
        longestRecoveries = Array(calm.prefix(Recovery.toldMax))
    }

    /// Measures how soon deliveries follow what they wait for.
    private mutating func measureDeliveries(_ history: History) {
        let times = history.jobs.values.flatMap { $0.deliveries.map(\.at) }.sorted()
        for fault in history.faults where fault.fault == FaultKind.redisKill.rawValue {
            guard let end = fault.end, let next = times.first(where: { $0 >= end }) else { continue }
            restarts.append((next - end) / 1_000_000)
        }
        restarts.sort()
        guard let base = history.wallBase else { return }
        for job in history.jobs.values {
            guard let due = job.due, let first = job.deliveries.map(\.at).min() else { continue }
            let dueAt = (due - base) * 1_000_000
            guard history.faults(between: dueAt, and: first).allSatisfy({ $0.fault == "crash-point" }) else { continue }
            lateness.append((first - dueAt) / 1_000_000)
        }
        lateness.sort()
    }

    static func crashes(in history: History) -> [String: Int] {
        var crashes: [String: Int] = [:]
        let killed = Set(history.faults.filter { $0.fault == FaultKind.workerKill.rawValue }.map(\.target))
        let died = Set(history.deaths.filter { $0.how.contains("SIGKILL") }.map { "\($0.pid)" })
        for fault in history.faults where fault.fault == FaultKind.crashPoint.rawValue {
            let words = fault.target.split(separator: " ")
            guard words.count == 3, died.contains(String(words[2])), !killed.contains(String(words[2])) else {
                continue
            }
            crashes[String(words[0].prefix { $0 != ":" }), default: 0] += 1
        }
        return crashes
    }

    /// The value below which `part` of sorted times are, nil without any.
    package static func quantile(_ part: Double, of times: [Int64]) -> Int64? {
        guard !times.isEmpty else { return nil }
        return times[min(times.count - 1, Int(Double(times.count) * part))]
    }
}
