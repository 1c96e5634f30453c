import PondCore

/// I11 and I12: what is left of processes, and whether work flows again when the faults are over.
enum ProcessRules {
    typealias Texts = [(job: String?, text: String)]

    /// I11: nothing outlives its supervisor or the run, everything is reaped, descriptors stay level.
    static func left(in history: History, _ bounds: CheckBounds) -> Texts {
        history.hygiene.compactMap { event in
            let who = "process \(event.pid ?? 0) (\(event.target ?? "?"))"
            switch event.kind {
            case .orphan: return (nil, "\(who) is alive, but should be gone: \(event.text ?? "")")
            case .zombie: return (nil, "\(who) ended and nobody reaped it")
            case .descriptors where (event.n ?? 0) > bounds.descriptorsMax:
                return (nil, "\(who) has \(event.n ?? 0) descriptors more than at the beginning")
            case .parked: return (nil, "slot \(event.target ?? "?") was given up: \(event.text ?? "")")
            default: return nil
            }
        }
    }

    /// I12: due work is delivered soon after the last fault, and nobody is idle while work waits.
    static func late(in history: History, _ bounds: CheckBounds) -> Texts {
        guard let healed = history.phases["heal"] else { return [] }
        let limit = healed + bounds.livenessMax.wholeMilliseconds * 1_000_000
        var texts: Texts = history.stalls.compactMap { stall in
            guard stall.monotonic > healed, stall.n ?? 0 > bounds.idleMax.wholeMilliseconds else { return nil }
            return (nil, "work waited for \(stall.n ?? 0) ms while workers were idle: \(stall.text ?? "")")
        }
        for job in history.jobs.values where job.isAcknowledged {
            if let place = job.ids.flatMap({ history.places[$0, default: []] }).first(where: { $0.place != "dead" }) {
                texts.append((job.name, "still \(place.place) when the run was over \(place.detail)"))
            } else if let first = job.deliveries.map(\.at).min(), first > limit, isDue(job, by: healed, history) {
                texts.append(
                    (
                        job.name,
                        "was due at the last fault and was delivered \((first - healed) / 1_000_000) ms after it"
                    )
                )
            }
        }
        return texts
    }

    private static func isDue(_ job: JournalFacts, by moment: Int64, _ history: History) -> Bool {
        guard job.answeredAt < moment else { return false }
        guard let due = job.due, let base = history.wallBase else { return true }
        return due <= base + moment / 1_000_000
    }
}
