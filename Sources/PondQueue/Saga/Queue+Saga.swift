package import PondCore
import PondRedis
package import PondSaga

/// What became of an answer to a token, or of a signal.
package enum ResolveAnswer: String, Sendable, Hashable, CaseIterable {
    /// The step has it, and a saga that waited for it goes on.
    case resolved
    /// A signal that nobody waits for yet; whoever waits for it finds it.
    case stored
    /// The same answer was given before.
    case same
    /// It has another answer; nothing was changed.
    case conflict
    /// Its time was up.
    case expired
    /// The saga has turned round or ended, or somebody has decided otherwise.
    case void
    /// There is no such token, or no such job.
    case unknown
}

/// A saga as a list shows it.
package struct SagaLine: Sendable, Hashable {
    /// The job's id.
    package let id: JobID
    /// Since when it is in that state.
    package let since: ServerTime
    /// The job's kind.
    package let kind: String
    /// Why it is there; empty where nobody said.
    package let reason: String
}

/// A saga that has not ended, as a screen shows it.
package struct OpenSaga: Sendable, Hashable {
    /// The job's id.
    package let id: JobID
    /// Where it is on its way.
    package let state: SagaRecord.State
    /// Since when it is in that state.
    package let since: ServerTime
    /// The job's kind.
    package let kind: String
    /// Why it is there; empty where nobody said.
    package let reason: String
    /// The step that is undone or waited for; empty when it is another, or none.
    package let step: String
    /// When a time wakes it.
    package let due: ServerTime?

    /// A saga, as it was seen.
    package init(
        id: JobID,
        state: SagaRecord.State,
        since: ServerTime,
        kind: String,
        reason: String = "",
        step: String = "",
        due: ServerTime? = nil
    ) {
        (self.id, self.state, self.since, self.kind) = (id, state, since, kind)
        (self.reason, self.step, self.due) = (reason, step, due)
    }
}

extension Queue {
    /// Sagas that have not ended: those first that want a person, in each state the newest.
    package func openSagas(atMost limit: Int) async throws(QueueError) -> [OpenSaga] {
        let arguments: [RedisArgument] = ["unended", .integer(0), .integer(Int64(limit))]
        var reader = try ReplyReader("pond_sagas", try await pond.call("pond_sagas", keys, arguments, readOnly: true))
        var sagas: [OpenSaga] = []
        while !reader.isAtEnd {
            let (id, state) = (JobID(try reader.text()), SagaRecord.State(rawValue: try reader.text()))
            let since = try reader.timeIfAny() ?? ServerTime(milliseconds: 0)
            let (kind, reason, step) = (try reader.text(), try reader.text(), try reader.text())
            let due = try reader.timeIfAny()
            guard let state else { continue }
            sagas.append(OpenSaga(id: id, state: state, since: since, kind: kind, reason: reason, step: step, due: due))
        }
        return sagas
    }

    /// All that is remembered of a saga; nil for a job that is none.
    package func saga(_ id: JobID, withResults: Bool = true) async throws(QueueError) -> SagaRecord? {
        try await sagaPages(id, withResults: withResults)?.record
    }

    /// Sagas of one state, newest first, a page.
    package func sagas(
        in state: SagaRecord.State,
        after skipped: Int = 0,
        atMost limit: Int = 100
    ) async throws(QueueError) -> [SagaLine] {
        let arguments: [RedisArgument] = [.text(state.rawValue), .integer(Int64(skipped)), .integer(Int64(limit))]
        var reader = try ReplyReader("pond_sagas", try await pond.call("pond_sagas", keys, arguments, readOnly: true))
        var lines: [SagaLine] = []
        while !reader.isAtEnd {
            let id = JobID(try reader.text())
            let since = try reader.timeIfAny() ?? ServerTime(milliseconds: 0)
            let kind = try reader.text()
            lines.append(SagaLine(id: id, since: since, kind: kind, reason: try reader.text()))
        }
        return lines
    }

    /// How many sagas are in each state; those that have ended count for an hour.
    package func sagaCounts() async throws(QueueError) -> [SagaRecord.State: Int] { try await sagaCensus().counts }

    /// How many sagas are in each state, and for how long the time of one that waits has been over.
    package func sagaCensus() async throws(QueueError) -> (counts: [SagaRecord.State: Int], overdue: Duration) {
        var reader = try ReplyReader("pond_sagas", try await pond.call("pond_sagas", keys, [""], readOnly: true))
        var (counts, overdue) = ([SagaRecord.State: Int](), Duration.zero)
        while !reader.isAtEnd {
            let name = try reader.text()
            let number = try reader.number()
            if name == "overdue_ms" { overdue = .milliseconds(number) }
            if let state = SagaRecord.State(rawValue: name) { counts[state] = Int(number) }
        }
        return (counts, overdue)
    }

    /// A saga that waits and is on no list of times, as after somebody deleted it there; nil when there is none.
    package func unscheduledSaga() async throws(QueueError) -> JobID? {
        let arguments: [RedisArgument] = ["unscheduled", .integer(0), .integer(1)]
        let reply: RESPValue
        do throws(QueueError) { reply = try await pond.call("pond_sagas", keys, arguments, readOnly: true) } catch {
            // An older library has no such list.
            if error.code == .invalid { return nil }
            throw error
        }
        return reply.array?.first?.string.map { JobID($0) }
    }

    /// Answers a token: what it was made for is done, and this is what came of it.
    package func resolve(
        token: String,
        _ answer: Result<[UInt8], ToldError>,
        from principal: String = ""
    ) async throws(QueueError) -> ResolveAnswer {
        let (word, bytes): (RedisArgument, RedisArgument) =
            switch answer {
            case .success(let bytes): ("done", .bytes(bytes))
            case .failure(let error): ("failed", .text(error.text))
            }
        return try await resolve(["token", .text(TokenHash.of(token)), word, bytes, .text(principal)])
    }

    /// Sends a signal to a job, which may be a saga already or become one.
    package func signal(
        _ name: String,
        to id: JobID,
        _ bytes: [UInt8] = [],
        from principal: String = ""
    ) async throws(QueueError) -> ResolveAnswer {
        try await resolve(["signal", .text(id.text), .text(name), .bytes(bytes), .text(principal)])
    }

    private func resolve(_ arguments: [RedisArgument]) async throws(QueueError) -> ResolveAnswer {
        let reply = try await pond.call("pond_resolve", keys, arguments)
        guard let answer = reply.string.flatMap({ ResolveAnswer(rawValue: $0) }) else {
            throw SagaReader.unexpected("pond_resolve", reply)
        }
        return answer
    }

    /// Stops a saga until somebody resumes it.
    package func pauseSaga(_ id: JobID, because reason: String) async throws(QueueError) -> PersonAnswer {
        try await change("pond_pause_saga", [.text(id.text), .text(reason)])
    }

    /// Lets a saga that was paused go on.
    package func resumeSaga(_ id: JobID, because reason: String) async throws(QueueError) -> PersonAnswer {
        try await change("pond_resume_saga", [.text(id.text), .text(reason)])
    }

    /// Says what became of a step that nobody knows of, of a wait that is open, or of an undo that failed for good.
    package func resolveStep(
        _ step: String,
        of id: JobID,
        _ word: PersonWord,
        because reason: String,
        result: [UInt8] = []
    ) async throws(QueueError) -> PersonAnswer {
        let arguments: [RedisArgument] = [
            .text(id.text), .text(step), .text(word.rawValue), .text(reason), .bytes(result),
        ]
        return try await change("pond_saga_resolve", arguments)
    }

    /// Replays a saga from a step: a new one with the results of the steps before it.
    ///
    /// - Parameters:
    ///   - step: the first that runs again; nil when none of those that are done does.
    ///   - payload: another one than the old job's.
    ///   - again: steps with the effect once that may run again though they are done.
    package func fork(
        _ id: JobID,
        from step: String?,
        keys mode: ForkKeys,
        because reason: String,
        payload: [UInt8]? = nil,
        again: [String] = []
    ) async throws(QueueError) -> ForkAnswer {
        let arguments: [RedisArgument] =
            [.text(id.text), .text(step ?? ""), .text(mode.rawValue), .text(reason), .bytes(payload ?? [])]
            + again.map { .text($0) }
        let answer = try SagaAnswer("pond_fork", try await pond.call("pond_fork", keys, arguments))
        switch answer.word {
        case "enqueued": return .enqueued(JobID(answer.text))
        case "unknown": return .unknown
        case "refused": return .refused(answer.text)
        default: throw answer.unknown
        }
    }

    private func change(_ function: String, _ arguments: [RedisArgument]) async throws(QueueError) -> PersonAnswer {
        let answer = try SagaAnswer(function, try await pond.call(function, keys, arguments))
        switch answer.word {
        case "moved": return .moved
        case "unknown": return .unknown
        case "refused": return .refused(answer.text)
        default: throw answer.unknown
        }
    }
}

/// What a person says of a step or an undo.
package enum PersonWord: String, Sendable, Hashable, CaseIterable {
    /// It has happened.
    case done
    /// It is to be tried again.
    case retry
    /// Nothing is to be done about it.
    case abandon
}

/// Which keys the steps of a replay have.
package enum ForkKeys: String, Sendable, Hashable, CaseIterable {
    /// Those of the saga that is replayed: what outside systems did they do not do again.
    case same
    /// Their own: everything from there on happens once more.
    case new
}

/// What became of a replay.
package enum ForkAnswer: Sendable, Hashable {
    case enqueued(JobID)
    /// There is no such saga.
    case unknown
    /// Nothing was changed; the text says why.
    case refused(String)
}

/// What became of a person's wish for a saga.
package enum PersonAnswer: Sendable, Hashable {
    case moved
    /// There is no such saga.
    case unknown
    /// Nothing was changed; the text says why.
    case refused(String)
}

/// What went wrong, as the other side told it.
package struct ToldError: Error, Sendable, Hashable {
    /// The reason, which the step of the saga then fails with.
    package let text: String

    package init(_ text: String) { self.text = text }
}
