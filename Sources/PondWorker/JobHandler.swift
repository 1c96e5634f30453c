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
/// `RetryLater` to say when, or `GiveUp` to say that no further try can help.
///
/// A handler that blocks a thread (a synchronous read, a long computation) holds one of the few threads that all
/// `async` code of the process shares; move such work to a thread pool or a child process.
public protocol JobHandler: Sendable {
    /// What the payload decodes into; `RawPayload` takes the bytes as they are.
    associatedtype Payload: Decodable & Sendable

    /// What the jobs are called, as in `email.send`: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
    static var kind: String { get }

    /// Runs one job. Its task is cancelled when its time is up, when somebody cancels the job, when another worker
    /// took it over, and when the process stops and its grace has passed.
    func run(_ payload: Payload, _ job: JobContext) async throws
}

/// A payload taken as it is, without decoding.
public struct RawPayload: Codable, Sendable, Hashable {
    /// The bytes as the producer gave them.
    public let bytes: [UInt8]

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

    public init(_ reason: String, cause: String = "failed", rootCauseKey: String? = nil) {
        self.reason = reason
        self.cause = cause
        self.rootCauseKey = rootCauseKey
    }

    public var description: String { reason }
}
