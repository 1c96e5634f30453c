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
        recoveries = Figures.recoveries(in: history)
    }

    /// The value below which `part` of the recoveries are, nil without any.
    package func recovery(_ part: Double) -> Int64? {
        guard !recoveries.isEmpty else { return nil }
        return recoveries[min(recoveries.count - 1, Int(Double(recoveries.count) * part))]
    }

    private static func recoveries(in history: History) -> [Int64] {
        var deaths: [String: Int64] = [:]
        for (pid, at) in history.deaths {
            let worker = history.processes[pid]?.last { $0.at <= at }
            if let worker { deaths[worker.name] = min(deaths[worker.name] ?? .max, at) }
        }
        var times: [Int64] = []
        for job in history.jobs.values where job.deliveries.count > 1 {
            let deliveries = job.deliveries.sorted { $0.at < $1.at }
            for (delivery, next) in zip(deliveries, deliveries.dropFirst()) where delivery.outcome == nil {
                guard let death = deaths[delivery.process], next.at > death else { continue }
                times.append((next.at - death) / 1_000_000)
            }
        }
        return times.sorted()
    }
}
