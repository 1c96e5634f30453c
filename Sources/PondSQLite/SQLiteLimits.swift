public import PondCore

/// The bounds of a store, named once.
public enum SQLiteLimits {
    /// How long a write waits for another process that holds the file's write lock.
    public static let busyTimeout = Duration.seconds(5)
    /// Connections that read at the same time, for one store.
    public static let readersMax = 5
    /// Writes that share one transaction, and so one flush to the disk.
    public static let writesPerTransactionMax = 256
    /// The rest before the next try to open a file that others are opening too.
    public static let openRetry = Backoff(base: .milliseconds(5), cap: .milliseconds(200), jitter: 0.5)
}
