import Glibc
public import PondCore

/// A handler that went on after it was cancelled: its thread cannot be taken back, only its process ended.
public struct StuckHandler: Error, Sendable, CustomStringConvertible {
    /// Exit code of a worker that ends itself because a handler is stuck (`EX_SOFTWARE`).
    public static let exitCode: Int32 = 70

    /// The job that it runs.
    public let job: JobID
    /// The kind of the job.
    public let kind: JobKind
    /// How long it has gone on since it was cancelled.
    public let ignoredFor: Duration

    public var description: String {
        "job \(job) (\(kind)): its handler ignores cancellation for \(ignoredFor.human); the process is stuck and ends, "
            + "its jobs run elsewhere"
    }

    /// Ends the process at once, without running exit handlers that a blocked thread could hold up.
    public static let endProcess: @Sendable (StuckHandler) -> Void = { _ in _exit(exitCode) }
}
