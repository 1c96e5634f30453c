public import PondCore

/// How many workers of which queue each host is to have.
public struct FleetPlan: Sendable, Hashable, Codable {
    /// The fencing token of the leader that made it; hosts refuse a smaller one than they have seen.
    public var token: Int64
    /// When it was made, by Redis' clock.
    public var at: ServerTime
    /// By host, then by queue.
    public var hosts: [String: [String: Int]]
    /// By queue: why.
    public var decisions: [String: ScalingDecision]

    public init(
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
    public func workers(of queue: String) -> Int {
        hosts.values.reduce(0) { $0 + ($1[queue] ?? 0) }
    }

    /// The workers of all queues on a host.
    public func workers(on host: String) -> Int {
        hosts[host]?.values.reduce(0, +) ?? 0
    }
}
