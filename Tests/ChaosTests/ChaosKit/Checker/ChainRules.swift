/// I10: a chain of guarded effects, undone by the job itself, has done all of its steps, or undone in reverse what it had done;
/// each once.
enum ChainRules {
    typealias Texts = [(job: String?, text: String)]

    /// How many steps a chain of the workload has.
    static let steps = ["reserve", "charge", "book", "confirm"]

    static func broken(in history: History) -> Texts {
        let chains = Set(history.jobs.values.lazy.filter { $0.type == "chain" }.map(\.name))
        let rows = Dictionary(grouping: history.guarded.filter { chains.contains($0.job) }) { $0.job }
        return rows.compactMap { job, rows in
            let rows = rows.sorted { $0.order < $1.order }
            return problem(rows, isOver: hasEnded(job, history)).map { (job, $0) }
        }
    }

    /// A chain that is dead was stopped in the middle by the quarantine; a person decides about it.
    private static func hasEnded(_ name: String, _ history: History) -> Bool {
        guard let job = history.jobs[name] else { return false }
        return job.ids.contains { history.ends[$0, default: []].contains("done") }
    }

    private static func problem(_ rows: [GuardedRow], isOver: Bool) -> String? {
        let done = rows.filter { $0.action == "do" }.map(\.step)
        let undone = rows.filter { $0.action == "undo" }.map(\.step)
        let told = "did \(done.joined(separator: ", ")); undid \(undone.joined(separator: ", "))"
        if Set(done).count < done.count || Set(undone).count < undone.count { return "a step happened twice: \(told)" }
        if let first = rows.firstIndex(where: { $0.action == "undo" }),
            rows[first...].contains(where: { $0.action == "do" })
        {
            return "went on after it had begun to undo: \(told)"
        }
        if done != Array(steps.prefix(done.count)) { return "steps out of order: \(told)" }
        if undone != Array(done.reversed().prefix(undone.count)) {
            return "undone in another order than the reverse: \(told)"
        }
        guard isOver else { return nil }
        if undone.isEmpty { return done == steps ? nil : "ended in the middle: \(told)" }
        return undone.count == done.count ? nil : "ended half undone: \(told)"
    }
}
