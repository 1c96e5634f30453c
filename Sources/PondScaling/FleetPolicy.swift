/// What a user says of the whole fleet.
package struct FleetPolicy: Sendable, Hashable, Codable {
    /// Workers of all queues on all hosts together.
    package var workersMax: Int
    /// By queue.
    package var queues: [String: ScalingPolicy]

    package init(workersMax: Int, queues: [String: ScalingPolicy]) {
        self.workersMax = workersMax
        self.queues = queues
    }
}
