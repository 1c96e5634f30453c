/// The workers that a host has of one queue.
package struct PoolReport: Sendable, Hashable, Codable {
    /// Starting and ready ones, not those that drain.
    package var running: Int
    /// Of the running ones, those that do not fetch yet.
    package var starting: Int
    /// Workers that finish what they have and go.
    package var draining: Int
    /// Whether they die as soon as they start, so that the host spawns no more of them.
    package var isCrashLooping: Bool
    /// The observed time from the request for a worker to its first fetch; nil until one was seen.
    package var spawnSeconds: Double?

    package init(
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
