public import PondCore
import PondRedis

/// Where a job is, since when, and what is stored of it.
public struct JobReport: Sendable {
    /// Where a job can be.
    public enum State: String, Sendable, CaseIterable {
        /// It waits for a worker.
        case ready
        /// A worker has it.
        case running
        /// It waits for its time: scheduled, or at rest between two tries.
        case held
        /// It failed for good.
        case dead
        /// A saga that waits without a slot, or is paused.
        case waiting
        /// A limit holds it back; it waits without a slot until there is room.
        case limited
        /// It ended, or there never was such a job.
        case unknown
    }

    /// The job.
    public let id: JobID
    /// Where it is.
    public let state: State
    /// When it got there; nil when that is not recorded.
    public let since: ServerTime?
    /// The worker that runs it.
    package let owner: Consumer?
    /// When a held job becomes runnable.
    public let due: ServerTime?
    /// Tries that ended in an error.
    public let attempts: Int
    /// Why it is dead.
    public let cause: String?
    /// The error that made it dead.
    public let error: String?
    /// The stored fields in order, as they are.
    public let fields: [(name: [UInt8], value: [UInt8])]

    /// The first field of a name, as text.
    public func field(_ name: String) -> String? {
        fields.first { $0.name.elementsEqual(name.utf8) }.map { String(decoding: $0.value, as: UTF8.self) }
    }
}

/// What became of a wish to cancel.
public enum CancelAnswer: String, Sendable, CaseIterable {
    /// It will not run.
    case cancelled
    /// It is running; its worker hears it at its next beat.
    case cancelling
    /// It ended, is dead, or there never was such a job.
    case unknown
}

extension Queue {
    /// Where a job is now.
    public func job(_ id: JobID) async throws(QueueError) -> JobReport {
        let reply = try await pond.call("pond_job", keys, [.text(id.text)], readOnly: true)
        var reader = try ReplyReader("pond_job", reply)
        let facts = try reader.factsBeforeFields()
        return try JobReport(facts, fields: &reader, id: id)
    }

    /// Cancels a job that has not ended; a saga undoes what it did.
    ///
    /// - Parameter force: cancels a saga behind its pivot, too; what it did before the pivot is undone all the same.
    /// - Throws: `QueueError`, with the code `forwardOnly` for a saga behind its pivot.
    public func cancel(_ id: JobID, force: Bool = false) async throws(QueueError) -> CancelAnswer {
        let reply = try await pond.call("pond_cancel", keys, [.text(id.text)] + (force ? ["force"] : []))
        guard let answer = reply.string.flatMap({ CancelAnswer(rawValue: $0) }) else {
            throw QueueError(.unexpectedReply, "pond_cancel answered \(reply)")
        }
        return answer
    }
}
