import FoundationEssentials
public import PondCore

/// What became of a job that a test ran: see ``perform(_:_:_:)``.
public struct Performed: Sendable {
    /// What a worker would do with the job now, such as `.done`, `.retry(after:error:)` or `.dead(cause:error:)`.
    public let outcome: Outcome
    /// What the handler threw; nil when it returned.
    public let error: (any Error)?
    /// The children that it enqueued, in order.
    ///
    /// None of them went anywhere.
    public let enqueued: [EnqueuedJob]
    /// What the try took: wall time by the clock that was given, CPU time and money as the handler reported them.
    public let spent: Spending
    /// The heartbeats that it gave, in order.
    public let heartbeats: [PerformedHeartbeat]
    /// The limits that it asked for and was granted, in order.
    public let limits: [PerformedLimit]
    /// What it logged, in order.
    public let logs: [LoggedLine]
    /// The bytes that it left behind or returned; nil when there are none, or the job is not done.
    public let result: [UInt8]?

    /// What the handler returned, decoded.
    ///
    /// - Throws: `DecodingError`, when the result is no such value; `NothingReturned`, when there is none.
    public func result<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        guard let result else { throw NothingReturned(outcome: outcome) }
        return try JSONDecoder().decode(type, from: Data(result))
    }

    /// Thrown where a result is asked for and there is none.
    public struct NothingReturned: Error, CustomStringConvertible {
        let outcome: Outcome
        public var description: String { "the job left no result behind; its outcome is \(outcome)" }
    }
}

/// A heartbeat of a handler that a test ran.
public struct PerformedHeartbeat: Sendable, Hashable {
    /// How far it said it was, as it said it.
    public let progress: Double?
    /// Its words.
    public let note: String?

    public init(progress: Double? = nil, note: String? = nil) {
        self.progress = progress
        self.note = note
    }
}
