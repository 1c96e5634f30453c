public import GRDB
public import PondCore

extension DeliveredJob {
    /// Writes to the inbox's file once for this job, however often the job is delivered.
    ///
    /// The closure and the note that it ran are one transaction. A job that comes again, or another job with the same
    /// key, skips it and has the answer of the first time.
    ///
    /// - Parameters:
    ///   - step: what the work is called when a job does several. Defaults to `main`.
    ///   - body: must not begin or end a transaction. Whatever it throws undoes all that it wrote, and is thrown.
    /// - Throws: `InboxError`, `SQLiteError`, `CancellationError` when the task was cancelled before, or what the closure
    ///   throws; then nothing was written.
    public func inbox<Answer: Codable & Sendable>(
        _ inbox: Inbox,
        _ step: String = "main",
        _ body: @escaping @Sendable (Database) throws -> Answer
    ) async throws -> Answer {
        let entry = try InboxEntry(job, step: step)
        switch try await inbox.take(entry, encode: { try entry.encoded($0) }, body) {
        case .fresh(let answer): return answer
        case .known(let answer): return try entry.decoded(answer)
        }
    }

    /// The same for work without an answer.
    public func inbox(
        _ inbox: Inbox,
        _ step: String = "main",
        _ body: @escaping @Sendable (Database) throws -> Void
    ) async throws {
        _ = try await inbox.take(try InboxEntry(job, step: step), encode: { _ in nil }, body)
    }
}
