import PondCore

// One sentence says what was decided, from which numbers, and what limited it. It is for people; programs read the
// fields that it is made of.

extension ScalingDecision {
    /// The decision in one sentence, for a log line and for people.
    package var sentence: String {
        let change = from == to ? "\(queue) stays at \(to)" : "\(queue) \(from)→\(to)"
        return "\(change): \(cause)\(consequence)."
    }

    private var cause: String {
        switch limit {
        case .stale: return "no fresh data" + staleFor + ", so the size is held"
        case .pinned: return "pinned at \(order?.workers ?? wanted)" + orderedBy + asking
        case .paused: return "scaling is paused" + orderedBy + asking
        default: return isQueuePaused ? pausedQueue : work
        }
    }

    /// What limited it, behind the cause.
    private var consequence: String {
        if isHeld { return to < wanted ? "; only \(to) of \(wanted) fit on the hosts there are" : "" }
        if let order, order.kind == .floor, to == workersMin, demand <= to {
            return "; kept at \(to) or more" + orderedBy
        }
        return "; " + limitation
    }

    private var staleFor: String {
        staleSeconds.map { $0 > 0 ? " for \(Plain.seconds($0))" : "" } ?? ""
    }

    private var orderedBy: String {
        guard let order else { return "" }
        let reason = order.reason.isEmpty ? "" : " (\(order.reason))"
        return " by \(order.by) until \(Plain.time(order.until))\(reason)"
    }

    private var asking: String {
        staleSeconds == nil ? "; the work asks for \(demand)" : "; there is no fresh data" + staleFor
    }

    private var pausedQueue: String {
        let waits =
            waiting == 0
            ? "nothing waits"
            : "its \(waiting) waiting \(waiting == 1 ? "job asks" : "jobs ask")"
                + " for nothing"
        return "the queue is paused, so \(waits)" + (inFlight > 0 ? ", \(inFlight) still run" : "")
    }

    // MARK: The work

    private var work: String {
        if demand == 0 { return from > to ? "it has been idle for long enough" : "there is nothing to do" }
        var parts: [String] = []
        if waiting > 0 {
            parts.append("\(waiting) waiting × \(Plain.seconds(serviceTime))")
            parts.append("target \(Plain.seconds(waitTarget))")
        } else {
            parts.append("nothing waits")
        }
        let forArrivals = Demand.workers(slots: rateSlots, of: slots)
        if arrivalRate > 0 {
            let each = waiting > 0 ? "" : " × \(Plain.seconds(serviceTime))"
            parts.append("\(Plain.number(arrivalRate)) jobs/s arriving\(each) (needs \(forArrivals))")
        } else if waiting == 0 {
            parts.append("\(inFlight) run")
        }
        if drainSlots > 0, demand > forArrivals {
            parts.append("clearing the excess in \(Plain.seconds(drainSeconds)) needs \(demand - forArrivals) more")
        }
        if trim >= 1.01 { parts.append("\(Plain.number((trim - 1) * 100))% more since jobs waited too long") }
        if isPanic { parts.append("in one step since the oldest has waited \(Plain.seconds(oldestWait))") }
        return parts.joined(separator: ", ")
    }

    private var limitation: String {
        switch limit {
        case .none: freely
        case .max where isLimitedByHostSetting:
            "limited by host.max_workers of its hosts, which leaves no room for \(wantedInAll)"
        case .max: "limited by its maximum of \(workersMax), the work asks for \(demand)"
        case .fleet: "limited by the fleet, which has no free room for \(wantedInAll)"
        case .hostMemory: "limited by the memory of its hosts, which is too little for \(wantedInAll)"
        case .hostCPU: "limited by the processors of its hosts, which are too few for \(wantedInAll)"
        case .pressure: "held back by its hosts, which stall on processor or memory; it wants \(wanted)"
        case .crashLoop: "held since its workers die as soon as they start; it wants \(wanted)"
        case .verifyHold:
            "held since jobs run slower and more workers must first show that they finish more; "
                + "the work asks for \(demand)"
        case .failing:
            "held since \(Plain.number(failedShare * 100))% of the attempts of the last minute failed, "
                + "which more workers would not help; the work asks for \(demand)"
        case .downWindow: shrinking
        case .stale, .pinned, .paused: ""
        }
    }

    private var wantedInAll: String { "the \(wanted) that it wants" }

    private var freely: String {
        if demand > to { return "growing step by step to \(demand)" }
        if to > demand, to == workersMin { return "kept at its minimum of \(workersMin)" }
        if to > demand, isQueuePaused { return "kept at \(to)" }
        if to > demand { return "\(demand) would do, which is too close to be worth a move" }
        return "limited by nothing"
    }

    private var shrinking: String {
        let ask = "the work asks for \(demand)"
        if to < from { return "\(ask), shrinking step by step" }
        if oldestWait >= waitTarget * ScalingConstants.setPoint {
            return "\(ask), not shrinking while jobs wait so long"
        }
        return "\(ask), shrinking when that has lasted"
    }
}
