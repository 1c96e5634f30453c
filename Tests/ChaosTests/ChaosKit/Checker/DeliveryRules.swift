import PondCore

/// I1, I2, I5, I6: what is delivered, when, and with what payload.
enum DeliveryRules {
    typealias Texts = [(job: String?, text: String)]

    /// I1: an acknowledged job had its effect, or ended otherwise, or is still somewhere a worker will find it.
    ///
    /// A job that still waits when the run is over is a matter of liveness (I12), not lost. One in a stream that the
    /// group has read past is in nobody's reach, so it is lost.
    static func losses(in history: History) -> Texts {
        history.jobs.values.filter(\.isAcknowledged).compactMap { job in
            if job.effects.contains(where: { $0.isAccepted && $0.step == "effect" }) { return nil }
            let reachable: Set<String> = ["ready", "running", "held", "dead"]
            if job.ids.contains(where: { id in history.places[id, default: []].contains { reachable.contains($0.place) }
            }) {
                return nil
            }
            let ends = Set(job.ids.flatMap { history.ends[$0, default: []] })
            if !ends.isDisjoint(with: ["cancelled", "expired", "duplicate", "discarded", "dropped", "compensated"]) {
                return nil
            }
            let said =
                ends.isEmpty
                ? "nothing is known of its end" : "the queue says: \(ends.sorted().joined(separator: ", "))"
            return (job.name, "acknowledged as \(job.id ?? "?"), but it had no effect and is in no place; \(said)")
        }
    }

    /// I2: what is delivered was attempted.
    static func phantoms(in history: History) -> Texts {
        history.jobs.values.compactMap { job in
            if job.wasAttempted || job.deliveries.isEmpty { return nil }
            return (job.name, "delivered, but no producer ever tried to enqueue it")
        }
    }

    /// I5: no delivery before Redis' clock showed the due time.
    static func early(in history: History, _ bounds: CheckBounds) -> Texts {
        guard let base = history.wallBase else { return [] }
        return history.jobs.values.compactMap { job in
            guard let due = job.due, let first = job.deliveries.min(by: { $0.at < $1.at }) else { return nil }
            let ahead = history.clockAhead(between: job.invokedAt, and: first.at)
            let latest = base + first.at / 1_000_000 + ahead
            let early = due - latest
            guard early > bounds.earlyMax.wholeMilliseconds else { return nil }
            return (job.name, "delivered \(early) ms before its time, \(due)")
        }
    }

    /// I6: the bytes at delivery are the bytes at enqueue.
    static func corrupted(in history: History) -> Texts {
        history.jobs.values.compactMap { job in
            guard let sha = job.sha else { return nil }
            if let delivery = job.deliveries.first(where: { $0.sha != sha }) {
                return (
                    job.name, "enqueued with SHA-256 \(sha.prefix(12))…, delivered with \(delivery.sha.prefix(12))…"
                )
            }
            let dead = job.ids.flatMap { history.places[$0, default: []] }.first { $0.sha.map { $0 != sha } ?? false }
            return dead.map { (job.name, "kept among the \($0.place) with another payload than it was enqueued with") }
        }
    }
}
