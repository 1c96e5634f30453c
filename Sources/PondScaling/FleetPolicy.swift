/// What a user says of the whole fleet.
public struct FleetPolicy: Sendable, Hashable, Codable {
    /// Workers of all queues on all hosts together.
    public var workersMax: Int
    /// By queue.
    public var queues: [String: ScalingPolicy]

    public init(workersMax: Int, queues: [String: ScalingPolicy]) {
        self.workersMax = workersMax
        self.queues = queues
    }
}
