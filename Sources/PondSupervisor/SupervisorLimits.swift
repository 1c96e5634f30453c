/// The named bounds of the supervisor, so that none hides in the code that obeys it.
package enum SupervisorLimits {
    /// The number of workers a fleet may have.
    package static let workers = 1...512

    /// The longest line of a worker's output that is forwarded in one piece, in bytes.
    package static let lineBytesMax = 65_536

    /// How much of the workers' output waits for a slow reader of the supervisor's own output, in bytes.
    package static let forwardBytesMax = 1_048_576

    /// How long a stopping supervisor waits for the reader of its own output.
    package static let forwardFlushMax = Duration.seconds(1)

    /// How long a worker lives after the second stop signal.
    package static let forcedStopGrace = Duration.seconds(5)

    /// The least time between the two stop signals of one worker: signals that are pending together become one.
    package static let stopSignalGap = Duration.milliseconds(100)

    /// How often a worker that drains behind its start script is looked at; it is no child, so nobody tells of its end.
    static let restPause = Duration.milliseconds(50)

    /// How long a start script may go on after the worker that it started, before it is told to stop itself.
    static let scriptTailMax = Duration.seconds(2)

    /// How many times the ready timeout a rolling restart waits for a replacement before it gives up.
    package static let rollPatience = 4

    /// The descriptors that a living worker costs the supervisor: lifeline, output, process handle.
    static let descriptorsPerWorker = 3
}
