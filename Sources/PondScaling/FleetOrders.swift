package import PondCore

/// All orders that people have given.
package struct FleetOrders: Sendable, Hashable, Codable {
    /// By queue.
    package var queues: [String: ScalingOrder]
    /// For all queues; only a pause counts.
    package var fleet: ScalingOrder?

    package init(queues: [String: ScalingOrder] = [:], fleet: ScalingOrder? = nil) {
        self.queues = queues
        self.fleet = fleet
    }

    /// The order that counts for a queue: its own before the fleet's; nil when there is none or it has expired.
    package func order(for queue: String, at time: ServerTime) -> ScalingOrder? {
        if let own = queues[queue], own.isActive(at: time) { return own }
        if let fleet, fleet.kind == .pause, fleet.isActive(at: time) { return fleet }
        return nil
    }
}
