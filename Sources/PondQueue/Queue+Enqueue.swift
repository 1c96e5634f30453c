import Logging
public import PondCore
import PondRedis
import Synchronization

/// Where an enqueued job is now.
public enum EnqueueAnswer: Sendable, Hashable {
    /// Runnable now.
    case enqueued(JobID)
    /// It will become runnable at its due time, by Redis' clock.
    case held(JobID, due: ServerTime)
    /// The key is known, so nothing was added: the job that has it, how far that is, and the checksum of its result
    /// when it is done and left one.
    case duplicate(JobID, KeyState, checksum: String?)

    /// The job's id, wherever it is.
    public var id: JobID {
        switch self {
        case .enqueued(let id), .held(let id, _), .duplicate(let id, _, _): id
        }
    }
}

extension Queue {
    /// Adds a job.
    ///
    /// A plain append when it needs no more than that, a function call otherwise.
    ///
    /// - Throws: `invalid`, `keyMismatch`, `queueFull` (nothing was written); `refused` by a middleware; `redis` with `outcomeUnknown` when the answer was lost:
    ///   then the job may or may not be there.
    nonisolated(nonsending) public func enqueue(_ job: NewJob) async throws(QueueError) -> EnqueueAnswer {
        pond.middleware.isEmpty ? try await add(job) : try await addInside(job)
    }

    nonisolated(nonsending) func add(_ job: NewJob) async throws(QueueError) -> EnqueueAnswer {
        let command = try EnqueueEncoder.command(job, keys)
        // The kind alone, because a job is a large value to copy.
        let kind = job.kind
        let answer: EnqueueAnswer
        do {
            answer = try self.answer(to: job, from: try await pond.run(command, doing: action(kind)))
        } catch {
            // A missing library, or a stream whose ids are used up: the function call installs the one and goes
            // around the other.
            guard error.redis?.prefix == "ERR" else { throw error }
            answer = try await enqueueByFunction(job)
        }
        if !registration.isKnown { await registerAfterEnqueue() }
        return answer
    }

    /// Adds many jobs, `Limits.enqueueBatchMax` in each round trip.
    ///
    /// - Returns: what became of each job, in order. Jobs stand for themselves: one that is refused stops no other. When
    ///   the connection is lost on the way, the jobs that were not sent have its error.
    /// - Throws: `invalid`, when any job is, or `redis` when the first round trip fails; then none was sent.
    nonisolated(nonsending) public func enqueue(
        _ jobs: [NewJob]
    ) async throws(QueueError) -> [Result<EnqueueAnswer, QueueError>] {
        pond.middleware.isEmpty ? try await add(jobs) : try await addInside(jobs)
    }

    nonisolated(nonsending) func add(
        _ jobs: [NewJob]
    ) async throws(QueueError) -> [Result<EnqueueAnswer, QueueError>] {
        var answers: [Result<EnqueueAnswer, QueueError>] = []
        answers.reserveCapacity(jobs.count)
        for batch in try encodedBatches(jobs) {
            let replies: [RESPValue]
            let rest: RedisError?
            do {
                (replies, rest) = try await pond.redis.pipeline(batch)
            } catch {
                let left = jobs.count - answers.count
                let failure = QueueError(error, doing: "enqueue of \(left) jobs to \(name)")
                // Jobs of earlier batches are in the queue, so the caller must hear of each.
                guard !answers.isEmpty else { throw failure }
                return answers + [Result](repeating: .failure(failure), count: left)
            }
            for reply in replies {
                let place = answers.count
                if let id = appendedID(jobs[place].options.priority, reply) {
                    answers.append(.success(.enqueued(id)))
                } else {
                    answers.append(await settledAnswer(jobs[place], reply))
                }
            }
            guard let rest else { continue }
            for job in jobs[answers.count...].prefix(batch.count - replies.count) {
                answers.append(.failure(QueueError(rest, doing: action(job.kind))))
            }
        }
        if !answers.isEmpty, !registration.isKnown { await registerAfterEnqueue() }
        return answers
    }

    /// All jobs are encoded before the first is sent: when one is invalid, none must be.
    private func encodedBatches(_ jobs: [NewJob]) throws(QueueError) -> [EncodedCommands] {
        var batches: [EncodedCommands] = []
        var encoder = EnqueueEncoder(keys)
        // By index, because a job is a large value to copy.
        for index in jobs.indices {
            try encoder.append(jobs[index])
            if encoder.count == Limits.enqueueBatchMax { batches.append(encoder.takeCommands()) }
        }
        if encoder.count > 0 { batches.append(encoder.takeCommands()) }
        return batches
    }

    private func settledAnswer(_ job: NewJob, _ reply: RESPValue) async -> Result<EnqueueAnswer, QueueError> {
        do throws(QueueError) {
            guard case .error(let text) = reply else { return .success(try answer(to: job, from: reply)) }
            // The server refused it, so nothing was written and the careful path may try again.
            return .success(try await enqueueAfterRefusal(job, .reply(text)))
        } catch {
            return .failure(error)
        }
    }

    private func enqueueAfterRefusal(_ job: NewJob, _ error: RedisError) async throws(QueueError) -> EnqueueAnswer {
        guard error.prefix == "ERR" || error.prefix == "LOADING" || error.prefix == "BUSY" else {
            throw QueueError(error, doing: action(job.kind))
        }
        return try await enqueueByFunction(job)
    }

    private func enqueueByFunction(_ job: NewJob) async throws(QueueError) -> EnqueueAnswer {
        try answer(to: job, from: try await pond.call("pond_enqueue", keys, try job.functionArguments()))
    }

    private func action(_ kind: JobKind) -> String {
        "enqueue of \(kind) to \(name)"
    }

    /// The id of a job that was appended; nil when the reply is none to an append.
    private func appendedID(_ priority: Priority, _ reply: RESPValue) -> JobID? {
        guard case .bulk(let entry) = reply else { return nil }
        return ReadyStream(priority).ownID(entry: String(decoding: entry, as: UTF8.self))
    }

    private func answer(to job: NewJob, from reply: RESPValue) throws(QueueError) -> EnqueueAnswer {
        if let id = appendedID(job.options.priority, reply) { return .enqueued(id) }
        var reader = try ReplyReader("pond_enqueue", reply)
        let word = try reader.text()
        let id = JobID(try reader.text())
        switch word {
        case "enqueued": return .enqueued(id)
        case "held": return .held(id, due: try reader.time())
        case "duplicate":
            let state = try reader.keyState()
            let checksum = try reader.text()
            return .duplicate(id, state, checksum: checksum.isEmpty ? nil : checksum)
        default:
            throw QueueError(.unexpectedReply, "pond_enqueue answered \"\(word)\", which this version does not know")
        }
    }
}
