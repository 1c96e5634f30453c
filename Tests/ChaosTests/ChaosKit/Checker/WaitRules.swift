import PondCore

/// I17 and I18: what sagas wait for.
enum WaitRules {
    typealias Texts = [(job: String?, text: String)]

    /// I17: no wait lasts for ever, no timer is early, and each wait ends once.
    static func waits(in history: History, _ bounds: CheckBounds) -> Texts {
        history.sagas.values.compactMap { saga in
            let text =
                unended(saga, history) ?? early(saga, history, bounds) ?? wokenTwice(saga) ?? halfJoined(saga, history)
            return text.map { (saga.name, "\(saga.id) \($0)") }
        }
    }

    private static func unended(_ saga: SagaFacts, _ history: History) -> String? {
        guard history.phases["census"] != nil else { return nil }
        // One that said no step, or was never run, is an ordinary job.
        guard let state = saga.state, !saga.isOver else { return nil }
        return "is still \(state) when the run is over \(saga.reason)"
    }

    private static func early(_ saga: SagaFacts, _ history: History, _ bounds: CheckBounds) -> String? {
        // A replay may begin with a sleep that is over.
        guard !saga.name.hasSuffix(".r") else { return nil }
        for move in history.plans[saga.name]?.moves ?? [] where move.kind == .sleep {
            let begins = saga.marks("sleeps").filter { $0.move == move.name }.map(\.at)
            let ends = saga.marks("slept").filter { $0.move == move.name }.map(\.at)
            guard let begin = begins.min(), let end = ends.min() else { continue }
            let slept = (end - begin) / 1_000_000
            let least =
                Int64(move.work) - bounds.earlyMax.wholeMilliseconds
                - max(0, history.clockAhead(between: begin, and: end))
            // A clock that was turned back between is ahead as much.
            let turned = history.faults.contains {
                $0.fault == "redis-clock" && $0.start <= end && ($0.end ?? .max) >= begin
            }
            if slept < least, !turned { return "slept \(slept) ms in \(move.name), not \(move.work)" }
        }
        return nil
    }

    /// Each time that it is parked it is woken once at most.
    private static func wokenTwice(_ saga: SagaFacts) -> String? {
        var isParked = false
        for (event, detail) in saga.events {
            switch event {
            case "waiting": isParked = true
            case "woken":
                guard isParked else { return "was woken (\(detail)) though it did not wait" }
                isParked = false
            // It may wait for its children then, before it undoes.
            case "turned": isParked = true
            case "saga_resumed": isParked = false
            default: break
            }
        }
        return nil
    }

    /// A join is over when all of its children have ended, unless fewer are enough.
    private static func halfJoined(_ saga: SagaFacts, _ history: History) -> String? {
        for move in history.plans[saga.name]?.moves ?? [] where move.kind == .fanOut {
            for mark in saga.marks("joined") where mark.move == move.name {
                let least = move.atLeast == nil ? move.children.count : move.atLeast ?? 0
                if mark.n < least { return "went on from \(move.name) with \(mark.n) of \(least) children done" }
                guard move.atLeast == 0, let ended = ended(of: move, by: mark.at, history), !ended else { continue }
                return "went on from \(move.name) before all of its children had ended"
            }
        }
        return nil
    }

    /// Whether no child does anything after a moment; nil when that cannot be told.
    private static func ended(of move: PlanMove, by moment: Int64, _ history: History) -> Bool? {
        let names = Set(move.children.map(\.name))
        let late = history.sagas.values.contains { saga in
            names.contains(saga.name) && saga.state == "done"
                && saga.payments.contains { $0.outcome.isEffect && $0.monotonic > moment }
        }
        return !late
    }

    /// I18: of all answers to a token one is taken, and its saga sees that one in every run.
    static func tokens(in history: History) -> Texts {
        var texts: Texts = []
        for answers in history.answers.values {
            let taken = answers.filter { $0.said == "resolved" }
            guard let first = answers.first, let saga = history.sagas[first.id] else { continue }
            if taken.count > 1 {
                texts.append((saga.name, "\(first.id) \(first.move): its token was used \(taken.count) times"))
            }
            let seen = Set(saga.marks("answered").filter { $0.move == first.move }.map(\.n))
            if seen.count > 1 {
                texts.append(
                    (saga.name, "\(first.id) \(first.move): its runs saw \(seen.count) answers: \(seen.sorted())")
                )
            } else if let seen = seen.first, let value = taken.first?.value, taken.count == 1, seen != value {
                texts.append((saga.name, "\(first.id) \(first.move): it saw \(seen), and the queue took \(value)"))
            }
        }
        return texts
    }
}
