/// The state of a simulated queue at one moment, for drawing.
public struct SimulationSample: Sendable, Hashable {
    /// Seconds since the start.
    public var time: Double
    /// Jobs that wait.
    public var waiting: Int
    /// Jobs that run.
    public var busy: Int
    /// Workers that there are to be.
    public var granted: Int
    /// Workers that the law would have without bounds.
    public var demand: Int
    /// How long the head of the queue has waited, in seconds.
    public var age: Double
}
