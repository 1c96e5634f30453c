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
    /// How long an inbox remembers, unless it is told otherwise.
    public static let inboxWindowDefault = Duration.seconds(30 * 86_400)
    /// The shortest and the longest memory of an inbox: an hour and ten years.
    public static let inboxWindow = Duration.seconds(3_600)...Limits.delayMax
    /// The longest answer that an inbox keeps, in bytes.
    public static let inboxAnswerBytesMax = Limits.resultBytesMax
    /// The longest name of an inbox's step, in bytes.
    public static let stepBytesMax = 128
    /// Every so many writes one also throws out rows that are past their window.
    public static let writesPerSweep = 64
    /// The most rows that such a write throws out: four for each that came in, so that a backlog shrinks.
    public static let sweepRowsMax = 256
    /// The most rows that one transaction of a purge throws out.
    public static let purgeRowsMax = 1_000
}
