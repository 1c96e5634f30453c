/// From the death of a worker to the next delivery of a job that it ran.
package struct Recovery: Sendable, Hashable {
    /// How many of a run are told by name.
    package static let toldMax = 5

    package var job: String
    package var type: String
    /// The worker that died, and the one that ran the job next.
    package var from: String
    package var to: String
    /// How often the job's worker had died while it may have run, by then.
    package var recoveries: Int
    package var start: Int64
    package var end: Int64

    package var milliseconds: Int64 { (end - start) / 1_000_000 }

    /// Every recovery of a run, in no order.
    package static func all(in history: History) -> [Recovery] {
        var deaths: [String: Int64] = [:]
        for (pid, at, _) in history.deaths {
            let worker = history.processes[pid]?.last { $0.at <= at }
            if let worker { deaths[worker.name] = min(deaths[worker.name] ?? .max, at) }
        }
        return history.jobs.values.flatMap { job in
            let deliveries = job.deliveries.sorted { $0.at < $1.at }
            return zip(deliveries, deliveries.dropFirst()).compactMap { delivery, next -> Recovery? in
                guard delivery.outcome == nil, let death = deaths[delivery.process], next.at > death else { return nil }
                return Recovery(
                    job: job.name,
                    type: job.type,
                    from: delivery.process,
                    to: next.process,
                    recoveries: next.recoveries,
                    start: death,
                    end: next.at
                )
            }
        }
    }

    /// Whether Redis was there all the time, its clock went on, and no other worker died or was killed or stopped.
    package func isCalm(in history: History) -> Bool {
        let disturbs: Set<String> = ["worker-pause", "worker-kill", "worker-term", "supervisor-kill"]
        // The kill that this is about lies just before.
        let began = start + 100_000_000
        let isDisturbed = history.faults.contains { fault in
            fault.start < end && (fault.end ?? .max) > began
                && (FaultKind(rawValue: fault.fault).map { $0.track != .workers } ?? false
                    || disturbs.contains(fault.fault))
        }
        return !isDisturbed && !history.deaths.contains { $0.at > began && $0.at < end }
    }
}
