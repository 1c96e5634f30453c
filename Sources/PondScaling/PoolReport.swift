/// The workers that a host has of one queue.
public struct PoolReport: Sendable, Hashable, Codable {
    /// Starting and ready ones, not those that drain.
    public var running: Int
    /// Of the running ones, those that do not fetch yet.
    public var starting: Int
    /// Workers that finish what they have and go.
    public var draining: Int
    /// Whether they die as soon as they start, so that the host spawns no more of them.
    public var isCrashLooping: Bool
    /// The observed time from the request for a worker to its first fetch; nil until one was seen.
    public var spawnSeconds: Double?

    public init(
        running: Int = 0,
        starting: Int = 0,
        draining: Int = 0,
        isCrashLooping: Bool = false,
        spawnSeconds: Double? = nil
    ) {
        self.running = running
        self.starting = starting
        self.draining = draining
        self.isCrashLooping = isCrashLooping
        self.spawnSeconds = spawnSeconds
    }
}
