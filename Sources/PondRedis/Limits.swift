/// The bounds of the Redis client that nobody needs to configure.
enum Limits {
    /// The longest Redis URL, in bytes.
    static let urlBytesMax = 4_096
    /// The longest host name, in bytes (DNS).
    static let hostBytesMax = 253
    /// The longest path of a unix socket, in bytes (Linux has 108, one of them for the final NUL).
    static let socketPathBytesMax = 107
    /// The highest database number; a server has 16 unless told otherwise.
    static let databaseMax = 65_535
    /// The longest status, error, integer or length line of a reply, in bytes: hiredis scans an unfinished line again
    /// with every read, so a long one would cost quadratic time.
    static let replyLineBytesMax = 1 << 20
    /// How many elements the arrays of one reply may have together.
    static let replyElementsMax = 1 << 20
    /// The longest argument, in bytes: `proto-max-bulk-len` of a server with default settings.
    static let argumentBytesMax = 512 << 20
    /// The most arguments of a command that a server accepts.
    static let argumentsMax = 1 << 20
    /// The most bytes of one call; a NIO buffer holds less than 4 GiB.
    static let callBytesMax = 1 << 30
    /// How many bytes of commands are encoded into one buffer before it is written.
    static let writeBatchBytes = 256 << 10
    /// How many bytes may wait in the channel before further commands wait unwritten.
    static let writeBufferBytes = 1 << 20
    /// How many jobs of tasks run on an event loop before other work of the loop has its turn.
    static let jobsPerTurn = 16
    /// How many such turns there are before the event loop looks at its sockets.
    static let turnsBeforeSockets = 64
    /// How long it has for them; long enough to be in the future when the event loop gets to it.
    static let socketPause = Duration.microseconds(50)
    /// How many bytes a busy poll takes at a time.
    static let busyPollBytes = 16 << 10
    /// After each poll in vain twice as many calls are not polled for, up to two to the power of this.
    static let busyPollMissesMax = 10
    /// How many bytes of its idle parse buffer the parser keeps.
    static let parseBufferBytesKept = 1 << 20
    /// Strings of a reply up to this size, in bytes, share one piece of memory; a longer one has its own.
    static let sharedStringBytesMax = 4_096
    /// How much of that memory a parser keeps from reply to reply, in bytes.
    static let sharedBytesKept = 256 << 10
    /// How many parts of a reply a parser keeps the memory for, 24 bytes each.
    static let tokensKept = 16 << 10
    /// How many bytes of a malformed reply an error message shows.
    static let violationBytesShown = 24
}
