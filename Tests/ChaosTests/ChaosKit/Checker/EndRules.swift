/// I7, I8, I9: how jobs end and where they are.
enum EndRules {
    typealias Texts = [(job: String?, text: String)]

    /// I7: at most one of done, dead, cancelled and so on; and exactly one after a complete drain.
    static func wrong(in history: History) -> Texts {
        history.jobs.values.flatMap { job -> Texts in
            job.ids.sorted().compactMap { id in
                let ends =
                    history.ends[id, default: []]
                    + history.places[id, default: []].filter { $0.place == "dead" }.map(\.place)
                if ends.count > 1 {
                    return (job.name, "\(id) ended \(ends.count) times: \(ends.joined(separator: ", "))")
                }
                return nil
            }
        }
    }

    /// I8: attempts and recoveries stay within their bounds; what kills its worker is quarantined, with its payload.
    static func overBudget(in history: History, _ bounds: CheckBounds) -> Texts {
        history.jobs.values.compactMap { job in
            if let most = job.attemptsMax, let delivery = job.deliveries.first(where: { $0.attempt > most }) {
                return (job.name, "delivered for attempt \(delivery.attempt), allowed are \(most)")
            }
            if let delivery = job.deliveries.first(where: { $0.recoveries >= bounds.recoveriesMax }) {
                return (
                    job.name, "delivered after \(delivery.recoveries) recoveries, \(bounds.recoveriesMax) make it dead"
                )
            }
            if job.type == "paid", let wrong = overspent(job, in: history) { return (job.name, wrong) }
            guard job.type == "poison", !job.deliveries.isEmpty || job.isAcknowledged else { return nil }
            let places = job.ids.flatMap { history.places[$0, default: []] }
            if places.contains(where: { $0.place != "dead" }) { return nil }
            let quarantined = places.filter { $0.detail == "poison" }
            if quarantined.count != 1 {
                return (
                    job.name,
                    "kills its worker, but is quarantined \(quarantined.count) times: \(places.map { "\($0.place) \($0.detail)" })"
                )
            }
            return nil
        }
    }

    /// A job whose every try spends two fifths of its budget gets three of them, and is dead for want of money.
    private static func overspent(_ job: JournalFacts, in history: History) -> String? {
        if let delivery = job.deliveries.first(where: { $0.attempt > 3 }) {
            return "delivered for attempt \(delivery.attempt), though its money was spent after 3"
        }
        let dead = job.ids.flatMap { history.places[$0, default: []] }.filter { $0.place == "dead" }
        // One that the nemesis killed too often is quarantined before its money is spent.
        let isRight = dead.allSatisfy { $0.detail == "budget_exhausted:usd" || $0.detail == "poison" }
        return isRight ? nil : "dead under \(dead.map(\.detail)), not for want of money"
    }

    /// I9: every id is in one place or has ended, nothing refers to what is not there.
    static func misplaced(in history: History) -> Texts {
        var texts: Texts = history.censusFaults.map { (nil, $0) }
        for (id, places) in history.places {
            let all = places.map(\.place) + history.ends[id, default: []]
            if all.count > 1, places.count > 1 || places[0].place != "dead" {
                texts.append((history.names[id], "\(id) is in \(all.count) places: \(all.joined(separator: ", "))"))
            }
            if places.contains(where: { $0.place == "passed" }) {
                texts.append(
                    (history.names[id], "\(id) is in a stream, but the group has read past it and nobody has it")
                )
            }
        }
        for job in history.jobs.values where job.isAcknowledged {
            guard let id = job.id, history.phases["census"] != nil else { continue }
            if history.places[id] == nil, history.ends[id] == nil {
                texts.append((job.name, "\(id) is in no place, and the journal tells of no end"))
            }
        }
        return texts
    }
}
