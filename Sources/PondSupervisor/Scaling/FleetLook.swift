public import PondQueue
public import PondScaling

/// What a host of a fleet sees when it looks, every interval.
public struct FleetLook: Sendable {
    /// Whether this host leads the fleet; false while Redis is away.
    public let isLeader: Bool
    /// What every host should have, and why; nil before the first plan, and while Redis is away.
    public let plan: FleetPlan?
    /// By queue, what a leader measured; empty in the others.
    public let loads: [String: QueueLoad]
}
