public import PondCore
import PondRedis

/// One dead job in a list; `Queue.job(_:)` shows it whole.
package struct DeadJob: Sendable, Hashable {
    /// The job.
    package let id: JobID
    /// When it died.
    package let diedAt: ServerTime
    /// Why it is dead: a name that groups equal failures.
    package let cause: String
    /// The last error's text.
    package let error: String
    /// Empty when the entry had none.
    package let kind: String
    /// Tries that ended in an error.
    package let attempts: Int
    /// How often its worker died.
    package let recoveries: Int
}

/// What became of a dead job that was sent back.
public enum ReviveAnswer: Sendable, Hashable {
    /// It is in its queue again.
    case enqueued
    /// There is no such dead job.
    case unknown
    /// It stays dead, and the text says why: another job has its key, for example.
    case refused(String)
}

extension Queue {
    /// The dead, newest first.
    ///
    /// - Parameters:
    ///   - limit: how many at most, 1 to 1,000.
    ///   - cause: only those with this cause, among the newest 10,000.
    package func dead(limit: Int = 100, cause: String? = nil) async throws(QueueError) -> [DeadJob] {
        let reply = try await pond.call(
            "pond_dead",
            keys,
            [.integer(Int64(limit)), .text(cause ?? "")],
            readOnly: true
        )
        var reader = try ReplyReader("pond_dead", reply)
        var jobs: [DeadJob] = []
        while !reader.isAtEnd {
            jobs.append(
                DeadJob(
                    id: JobID(try reader.text()),
                    diedAt: try reader.time(),
                    cause: try reader.text(),
                    error: try reader.text(),
                    kind: try reader.text(),
                    attempts: Int(try reader.number()),
                    recoveries: Int(try reader.number())
                )
            )
        }
        return jobs
    }

    /// Sends dead jobs back to their ready stream with their attempts at 0; the last error stays with them.
    ///
    /// - Parameters:
    ///   - ids: at most `Limits.deadBatchMax`.
    ///   - force: sends back a child, too, whose parent saga does not wait for it any more: its result is lost then, and nobody
    ///     undoes what it does.
    public func revive(_ ids: [JobID], force: Bool = false) async throws(QueueError) -> [ReviveAnswer] {
        try await sendBack("pond_revive", ids, with: force ? ["--force"] : [])
    }

    /// Sends dead jobs back to have undone what they may have done: the compensation of their kind runs, never again
    /// their own work.
    ///
    /// Attempts begin at 0, and the job does not expire any more.
    ///
    /// - Parameter ids: at most `Limits.deadBatchMax`.
    public func compensate(_ ids: [JobID]) async throws(QueueError) -> [ReviveAnswer] {
        try await sendBack("pond_compensate", ids)
    }

    /// The kinds of dead jobs, in order; nil for one that is not dead, `-` for one whose kind is none.
    ///
    /// - Parameter ids: at most `Limits.deadBatchMax`.
    package func deadKinds(of ids: [JobID]) async throws(QueueError) -> [String?] {
        let reply = try await pond.call("pond_dead_kinds", keys, ids.map { .text($0.text) }, readOnly: true)
        var reader = try ReplyReader("pond_dead_kinds", reply)
        var kinds: [String?] = []
        for _ in ids {
            let kind = try reader.text()
            kinds.append(kind.isEmpty ? nil : kind)
        }
        return kinds
    }

    private func sendBack(
        _ function: String,
        _ ids: [JobID],
        with flags: [RedisArgument] = []
    ) async throws(QueueError) -> [ReviveAnswer] {
        var reader = try ReplyReader(function, try await pond.call(function, keys, flags + ids.map { .text($0.text) }))
        var answers: [ReviveAnswer] = []
        for _ in ids {
            let text = try reader.text()
            switch text {
            case "enqueued": answers.append(.enqueued)
            case "unknown": answers.append(.unknown)
            default: answers.append(.refused(String(text.drop { $0 != " " }.dropFirst())))
            }
        }
        return answers
    }

    /// Forgets dead jobs for good.
    ///
    /// - Parameter ids: at most `Limits.deadBatchMax`.
    /// - Returns: for each id, whether there was such a dead job.
    public func discard(_ ids: [JobID]) async throws(QueueError) -> [Bool] {
        var reader = try ReplyReader(
            "pond_discard",
            try await pond.call("pond_discard", keys, ids.map { .text($0.text) })
        )
        var answers: [Bool] = []
        for _ in ids { answers.append(try reader.text() == "discarded") }
        return answers
    }
}
