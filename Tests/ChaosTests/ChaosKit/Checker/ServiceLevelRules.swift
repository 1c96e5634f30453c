/// A part of I7: the counters of service levels say of each class what the journal and the dead say.
enum ServiceLevelRules {
    typealias Texts = [(job: String?, text: String)]

    /// The class of a job by the number in its name, so that a checker needs no more than the name.
    ///
    /// Sagas and their children are all of one class.
    static func jobClass(of name: String) -> String {
        if name.hasPrefix("saga-") { return "B" }
        let number = name.split(separator: "-").last.flatMap { Int($0) } ?? 1
        return ["A", "B", "C", "D"][number % 4]
    }

    static func miscounted(in history: History) -> Texts {
        guard history.counts["slo"] != nil else { return [] }
        var texts: Texts = []
        let classes = ["A", "B", "C", "D"]
        func sum(_ what: String) -> Int { classes.reduce(0) { $0 + (history.counts["slo:\($1):\(what)"] ?? 0) } }
        let done = history.counts["done"] ?? 0
        // A saga that turns round has failed then, and is not counted again when its undoing ends badly.
        let ended =
            done + (history.counts["dead"] ?? 0) + (history.counts["expired"] ?? 0)
            + history.sagas.values.reduce(0) { $0 + $1.countedByTurn }
        if sum("jobs") != ended {
            texts.append((nil, "\(ended) jobs ended, the counters of the classes have \(sum("jobs"))"))
        }
        if sum("well") != done {
            texts.append((nil, "\(done) jobs are done, the counters of the classes have \(sum("well"))"))
        }
        guard let byClass = byClass(history) else { return texts }
        for name in classes where byClass[name, default: 0] != history.counts["slo:\(name):jobs"] ?? 0 {
            let found = history.counts["slo:\(name):jobs"] ?? 0
            texts.append((nil, "\(byClass[name, default: 0]) jobs of class \(name) ended, its counters have \(found)"))
        }
        return texts
    }

    /// Ends by class; nil when some cannot be told: nobody knows the name, or the dead are not all there any more.
    private static func byClass(_ history: History) -> [String: Int]? {
        for event in ["revived", "discarded", "dropped"] where history.counts[event] ?? 0 > 0 { return nil }
        var counts: [String: Int] = [:]
        for (id, ends) in history.ends {
            let counted = ends.count { $0 == "done" || $0 == "expired" }
            guard counted > 0 else { continue }
            guard let name = history.names[id] else { return nil }
            counts[jobClass(of: name), default: 0] += counted
        }
        for (id, places) in history.places {
            let dead = places.count { $0.place == "dead" }
            guard dead > 0 else { continue }
            guard let name = history.names[id] else { return nil }
            // A saga that was turned has been counted then.
            if history.sagas[id]?.turn == nil { counts[jobClass(of: name), default: 0] += dead }
        }
        for saga in history.sagas.values where saga.hasFailedTurn { counts[jobClass(of: saga.name), default: 0] += 1 }
        return counts
    }
}

/// The class that a job of a run is given, by its name.
package func chaosClass(of name: String) -> String { ServiceLevelRules.jobClass(of: name) }
