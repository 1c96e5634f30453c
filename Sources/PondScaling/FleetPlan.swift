package import PondCore

/// How many workers of which queue each host is to have.
package struct FleetPlan: Sendable, Hashable, Codable {
    /// The fencing token of the leader that made it; hosts refuse a smaller one than they have seen.
    package var token: Int64
    /// When it was made, by Redis' clock.
    package var at: ServerTime
    /// By host, then by queue.
    package var hosts: [String: [String: Int]]
    /// By queue: why.
    package var decisions: [String: ScalingDecision]

    package init(
        token: Int64,
        at: ServerTime,
        hosts: [String: [String: Int]] = [:],
        decisions: [String: ScalingDecision] = [:]
    ) {
        self.token = token
        self.at = at
        self.hosts = hosts
        self.decisions = decisions
    }

    /// The workers of a queue on all hosts.
    package func workers(of queue: String) -> Int {
        hosts.values.reduce(0) { $0 + ($1[queue] ?? 0) }
    }

    /// The workers of all queues on a host.
    package func workers(on host: String) -> Int {
        hosts[host]?.values.reduce(0, +) ?? 0
    }
}
