extension ScalingDecision {
    /// Whether the size was given by a person or for want of data, not by the law.
    var isHeld: Bool { [.stale, .pinned, .paused].contains(limit) }

    /// Whether `max` means what its hosts were told to run at most: the queue's own maximum would allow more.
    package var isLimitedByHostSetting: Bool { limit == .max && to < workersMax }

    /// The decision after sharing and placement, with what kept it from what it wanted.
    func settled(_ placement: Placement, granted: Int) -> ScalingDecision {
        var settled = self
        settled.to = placement.workers(of: queue)
        if settled.to < wanted, !isHeld { settled.limit = placement.limit(of: queue) }
        return settled
    }
}

extension Placement {
    /// Why a queue has not got what it wanted.
    func limit(of queue: String) -> LimitingFactor {
        let able = hosts.filter { $0.pools[queue] != nil }
        guard let first = able.first else { return .fleet }
        if !able.contains(where: { $0.canGrow(queue) }) {
            return able.contains { $0.pools[queue]?.isCrashLooping == true } ? .crashLoop : .pressure
        }
        let used = hosts.reduce(0) { $0 + $1.occupied }
        if used >= room { return .fleet }
        let full = able.filter { $0.target >= $0.capacity }
        guard full.count == able.count else {
            // Somewhere is room: what is missing waits for workers that drain, or sits on a host that may not grow.
            return able.contains { !$0.mayGrow || $0.growthMax != nil } ? .pressure : .fleet
        }
        return full.first { $0.limit != .none }?.limit ?? (first.limit == .none ? .fleet : first.limit)
    }
}
