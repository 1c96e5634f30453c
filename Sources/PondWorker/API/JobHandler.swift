import PondCore

/// What is done with the jobs of one kind.
///
/// ```swift
/// struct SendEmail: JobHandler {
///     static let kind = "email.send"
///     func run(_ email: Email, _ job: JobContext) async throws { … }
/// }
/// ```
///
/// Return, and the job is done. Throw, and it is tried again after a rest, as often as its policy allows; throw
/// `RetryLater` to say when, or `GiveUp` to say that no further try can help. `Snooze` lets it run later without counting a
/// try, and `CancelJob` ends it.
///
/// A handler that blocks a thread (a synchronous read, a long computation) holds one of the few threads that all
/// `async` code of the process shares; move such work to a thread pool or a child process.
public protocol JobHandler: Sendable {
    /// What the payload decodes into; `RawPayload` takes the bytes as they are.
    associatedtype Payload: Decodable & Sendable

    /// What ``run(_:_:)`` returns: nothing, or a result that is `Encodable`.
    ///
    /// A result is left behind as JSON for whoever asks for the job's key, when the job has one (see
    /// ``JobContext/leave(result:keptFor:)``). It has at most 64 KiB; a longer one makes the job dead at once, under the cause
    /// `result`: its work is done, and must not be done again.
    associatedtype Output = Void

    /// What the jobs are called, as in `email.send`: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
    static var kind: String { get }

    /// Runs one job. Its task is cancelled when its time is up, when somebody cancels the job, when another worker
    /// took it over, and when the process stops and its grace has passed.
    func run(_ payload: Payload, _ job: JobContext) async throws -> Output
}

/// A payload taken as it is, without decoding.
public struct RawPayload: Codable, Sendable, Hashable {
    /// The bytes as the producer gave them.
    public let bytes: [UInt8]

    /// A payload that is these bytes.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// Thrown by a handler that wants its job tried again, no sooner than after a time of its choice.
public struct RetryLater: Error, Sendable, CustomStringConvertible {
    /// The least that the job rests; the policy's backoff goes on when it is longer.
    public let after: Duration
    /// Why, for people.
    public let reason: String
    /// What the failure has in common with others; nil leaves that to the reason.
    ///
    /// See `RootCauseProviding`.
    public let rootCauseKey: String?

    /// Ends the try, and asks for another one.
    public init(
        after: Duration,
        _ reason: String = "the handler asked to be called later",
        rootCauseKey: String? = nil
    ) {
        self.after = after
        self.reason = reason
        self.rootCauseKey = rootCauseKey
    }

    public var description: String { reason }
}

/// Thrown by a handler that knows that no further try can help.
///
/// The job is dead at once.
public struct GiveUp: Error, Sendable, CustomStringConvertible {
    /// Why, for people.
    public let reason: String
    /// A short, stable name that groups equal failures.
    ///
    /// Defaults to `failed`.
    public let cause: String
    /// What the failure has in common with others; nil leaves that to cause and reason.
    ///
    /// See `RootCauseProviding`.
    public let rootCauseKey: String?

    /// Makes the job dead at once.
    ///
    /// - Parameters:
    ///   - reason: what a person reads.
    ///   - cause: what the dead are counted by.
    ///   - rootCauseKey: what the dead are grouped by; cause and reason when nil.
    public init(_ reason: String, cause: String = "failed", rootCauseKey: String? = nil) {
        self.reason = reason
        self.cause = cause
        self.rootCauseKey = rootCauseKey
    }

    public var description: String { reason }
}

/// Thrown by a handler or a middleware that wants the job run later, without a try counted: now is not its time.
public struct Snooze: Error, Sendable, CustomStringConvertible {
    /// How long the job rests.
    public let time: Duration

    /// - Parameter time: how long the job rests; a second at least, so that a job which always wants to sleep keeps no
    ///   worker busy.
    public init(for time: Duration) {
        self.time = min(max(time, .seconds(1)), Limits.delayMax)
    }

    public var description: String { "not now; again in \(time.human)" }
}

/// Thrown by a handler or a middleware that finds that its job is not wanted any more: it ends as cancelled, and its key is
/// free.
public struct CancelJob: Error, Sendable, CustomStringConvertible {
    /// Why, for people.
    public let reason: String

    /// Ends the job as cancelled.
    public init(_ reason: String = "the job is not wanted any more") {
        self.reason = reason
    }

    public var description: String { reason }
}
