package import PondQueue
package import PondScaling

/// What a host of a fleet sees when it looks, every interval.
package struct FleetLook: Sendable {
    /// Whether this host leads the fleet; false while Redis is away.
    package let isLeader: Bool
    /// What every host should have, and why; nil before the first plan, and while Redis is away.
    package let plan: FleetPlan?
    /// By queue, what a leader measured; empty in the others.
    package let loads: [String: QueueLoad]
}
