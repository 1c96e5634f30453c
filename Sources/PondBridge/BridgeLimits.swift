/// Every bound of handlers that are other programs, named once.
public enum BridgeLimits {
    /// The longest line that a handler may write, in bytes: a child job with the longest payload in base64, and room.
    public static let lineBytesMax = 2 * 1_048_576
    /// The most lines that are taken from a handler before somebody reads them.
    package static let linesAhead = 8
    /// The most lines that a handler may leave unread: its job, a word to stop, and answers about child jobs.
    static let unreadMax = 1_024
    /// The most tries of its own that a step may ask for.
    static let stepRetriesMax = 1_000
    /// The most bytes that the results of a fan-out's children have together when a program is told them.
    static let fanOutBytesMax = 16 * 1_048_576
    /// The longest `ref` of a child job, in bytes: it is sent back with the answer.
    static let referenceBytesMax = 256
    /// The longest line of standard error that is logged whole, in bytes; the rest of it follows in pieces.
    static let errorLineBytesMax = 8_192
    /// The most lines of standard error that one handler may log in a second; more are counted and dropped.
    static let errorLinesPerSecond = 200
    /// How much of the last line of standard error an error text quotes, in bytes.
    static let quotedBytesMax = 512
    /// How long a handler that was told to stop may take for it, before SIGTERM, and again before SIGKILL.
    public static let stopGrace = Duration.milliseconds(1_500)
    /// How often is looked whether anything is left of a group that was told to stop.
    static let groupPoll = Duration.milliseconds(10)
    /// The most lines of standard error that are kept with an error.
    static let keptLinesMax = 20
    /// The most bytes of standard error, or of a traceback, that are kept with an error.
    static let keptBytesMax = 4_096
    /// How much of a line that is too long is looked at, to tell what it would have been, in bytes.
    static let cutLineBytesMax = 1_024
    /// The most kinds that a program may announce.
    static let announcedKindsMax = 1_000
    /// How long a program may take to announce its kinds.
    package static let announcementTime = Duration.seconds(15)
    /// How much longer than three times its first run a program may live before it counts as one that waits for jobs.
    static let waitingTime = Duration.milliseconds(500)
    /// A kept connection that ends so soon after a request was written to it had been closed before: nobody read it.
    static let staleConnectionTime = Duration.milliseconds(250)
    /// How long a handler may live on after it closed its standard output.
    static let closedOutputGrace = Duration.milliseconds(500)
    /// How long handlers may take to end after their standard input was closed, when the worker ends.
    static let farewell = Duration.seconds(2)
    /// Rests before a handler is started anew, when the one before died without having answered.
    static let restartBackoff = (base: Duration.milliseconds(200), cap: Duration.seconds(10))
    /// The most bytes of an answer over HTTP that are read; a result may have no more than 64 KiB anyway.
    static let responseBytesMax = 65_536
    /// The longest rest that `Retry-After` may ask for.
    static let retryAfterMax = Duration.seconds(86_400)
}
