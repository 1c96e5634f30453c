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

    /// The longest name of an outbox's lane, in bytes.
    public static let laneBytesMax = 128
    /// The most lanes of an outbox that hold unsent rows.
    public static let lanesMax = 10_000
    /// The most unsent rows of a lane.
    public static let laneRowsMax = 1_000_000
    /// The most rows that a relay takes in hand at a time, over all lanes.
    public static let relayRowsMax = 500
    /// A relay takes no further row in hand when those it has hold as many bytes.
    public static let relayBytesMax = 8_388_608
    /// A relay notes what was sent at least this often, however slow the sink is.
    public static let relayMarkInterval = Duration.seconds(1)
    /// How often a relay looks whether another process has committed, or the other relay is gone.
    public static let relayPoll = Duration.milliseconds(250)
    /// The rest of a lane whose first row cannot go now.
    public static let laneRetry = Backoff(base: .milliseconds(200), cap: .seconds(30), jitter: 0.5)
    /// The rest of a relay whose sink or file failed.
    public static let relayRetry = Backoff(base: .milliseconds(100), cap: .seconds(10), jitter: 0.5)
    /// How much of an error's text an outbox keeps, in bytes.
    public static let outboxErrorBytesMax = Limits.lastErrorBytesMax
}
