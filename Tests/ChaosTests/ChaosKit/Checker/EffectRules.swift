// What counts as a duplicate guarded effect.
//
// An effect is guarded when it is written in the same transaction as its inbox record (a row of `guarded_effects`), or
// when its job has a key that the queue guards. Its scope is the key of a keyed job, else the job's own name. Two rows
// of one scope, step and action are a duplicate, whichever job ids, workers or attempts wrote them: a job whose worker
// died after the commit and that ran again must find its inbox record, and a second job with the same key must not run.
//
// A row of the ledger is an effect in somebody else's system. It is guarded only by its fence: a crash between it and
// the settle makes a second one with a higher fence, which is an honest redelivery, counted and printed. Two accepted
// rows of one job and step under the SAME fence are not honest: one delivery was run twice, or two deliveries cannot be
// told apart, and an outside system could not have refused the stale one.

/// I3 and I4: effects and their fences.
enum EffectRules {
    typealias Texts = [(job: String?, text: String)]

    /// I3: no guarded effect twice; a job that is done has its effect.
    static func duplicates(in history: History) -> Texts {
        twiceGuarded(in: history) + twiceUnderOneFence(in: history) + keysDoneTwice(in: history)
    }

    private static func twiceGuarded(in history: History) -> Texts {
        let groups = Dictionary(grouping: history.guarded) { "\($0.scope) \($0.step) \($0.action)" }
        return groups.values.filter { $0.count > 1 }.map { rows in
            let who = rows.map { "\($0.job) in \($0.process)" }.joined(separator: ", ")
            return (
                rows[0].job,
                "the guarded effect \(rows[0].step) (\(rows[0].action)) of \(rows[0].scope) happened \(rows.count) times: \(who)"
            )
        }
    }

    private static func twiceUnderOneFence(in history: History) -> Texts {
        guard history.has("fences") else { return [] }
        return history.jobs.values.compactMap { job in
            var seen: Set<String> = []
            for row in job.effects where row.isAccepted {
                guard seen.insert("\(row.fence) \(row.step)").inserted else {
                    return (job.name, "the ledger took \(row.step) twice under fence \(row.fence)")
                }
            }
            return nil
        }
    }

    /// Two jobs with one key that both did their work.
    private static func keysDoneTwice(in history: History) -> Texts {
        guard history.has("keys") else { return [] }
        let keyed = history.jobs.values.filter { job in
            job.key != nil && job.effects.contains { $0.isAccepted && $0.step == "effect" }
        }
        return Dictionary(grouping: keyed) { $0.key ?? "" }.values.filter { $0.count > 1 }.map { jobs in
            let names = jobs.map(\.name).sorted()
            return (
                names[0],
                "\(jobs.count) jobs with the key \(jobs[0].key ?? "") ran to their effect: \(names.joined(separator: ", "))"
            )
        }
    }

    /// I4: accepted fences never fall, and no two deliveries of a job have the same one.
    static func fallenFences(in history: History) -> Texts {
        guard history.has("fences") else { return [] }
        return history.jobs.values.compactMap { job in
            var highest = Int64.min
            for row in job.effects where row.isAccepted {
                if row.fence < highest {
                    return (job.name, "the ledger took fence \(row.fence) after \(highest)")
                }
                highest = row.fence
            }
            var owners: [Int64: JournalFacts.Delivery] = [:]
            for delivery in job.deliveries {
                if let other = owners.updateValue(delivery, forKey: delivery.fence) {
                    return (
                        job.name,
                        "two deliveries have the fence \(delivery.fence), in \(other.process) and in \(delivery.process)"
                    )
                }
            }
            return nil
        }
    }
}
