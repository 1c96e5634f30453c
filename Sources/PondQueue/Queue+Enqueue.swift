public import PondCore
import PondRedis

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
    /// - Throws: `invalid`, `keyMismatch`, `queueFull` (nothing was written); `redis` with `outcomeUnknown` when the answer was lost:
    ///   then the job may or may not be there.
    public func enqueue(_ job: NewJob) async throws(QueueError) -> EnqueueAnswer {
        let command = try enqueueCommand(job)
        return try answer(to: job, from: try await sendEnqueue(command, job))
    }

    /// Adds many jobs, `Limits.enqueueBatchMax` in each round trip.
    ///
    /// - Returns: what became of each job, in order. Jobs stand for themselves: one that is refused stops no other. When
    ///   the connection is lost on the way, the jobs that were not sent have its error.
    /// - Throws: `invalid`, when any job is, or `redis` when the first round trip fails; then none was sent.
    public func enqueue(_ jobs: [NewJob]) async throws(QueueError) -> [Result<EnqueueAnswer, QueueError>] {
        var commands: [RedisCommand] = []
        commands.reserveCapacity(jobs.count)
        for job in jobs { commands.append(try enqueueCommand(job)) }
        var answers: [Result<EnqueueAnswer, QueueError>] = []
        answers.reserveCapacity(jobs.count)
        while answers.count < jobs.count {
            let batch = answers.count..<min(answers.count + Limits.enqueueBatchMax, jobs.count)
            let replies: [Result<RESPValue, RedisError>]
            do {
                replies = try await pond.redis.pipeline(Array(commands[batch]))
            } catch {
                let failure = QueueError(error, doing: "enqueue of \(jobs.count - batch.lowerBound) jobs to \(name)")
                // Jobs of earlier batches are in the queue, so the caller must hear of each.
                guard batch.lowerBound > 0 else { throw failure }
                answers += [Result](repeating: .failure(failure), count: jobs.count - batch.lowerBound)
                break
            }
            for (job, reply) in zip(jobs[batch], replies) { answers.append(await settledAnswer(job, reply)) }
        }
        return answers
    }

    /// Makes the queue known to `pond status` and `pond queue list`.
    public func register() async throws(QueueError) {
        let command = RedisCommand("SADD", .text(Keys.queues(prefix: pond.prefix)), .text(name.text))
        _ = try await pond.run(command, doing: "registering queue \(name)")
    }

    private func settledAnswer(
        _ job: NewJob,
        _ reply: Result<RESPValue, RedisError>
    ) async -> Result<EnqueueAnswer, QueueError> {
        do throws(QueueError) {
            switch reply {
            case .success(let value):
                return .success(try answer(to: job, from: value))
            case .failure(let error) where !error.outcomeUnknown:
                // The server refused it, so nothing was written and the careful path may try again.
                return .success(try await enqueueAfterRefusal(job, error))
            case .failure(let error):
                return .failure(QueueError(error, doing: "enqueue of \(job.kind) to \(name)"))
            }
        } catch {
            return .failure(error)
        }
    }

    private func enqueueAfterRefusal(_ job: NewJob, _ error: RedisError) async throws(QueueError) -> EnqueueAnswer {
        guard error.prefix == "ERR" || error.prefix == "LOADING" || error.prefix == "BUSY" else {
            throw QueueError(error, doing: "enqueue of \(job.kind) to \(name)")
        }
        return try answer(to: job, from: try await pond.call("pond_enqueue", keys, try functionArguments(job)))
    }

    private func sendEnqueue(_ command: RedisCommand, _ job: NewJob) async throws(QueueError) -> RESPValue {
        do {
            return try await pond.run(command, doing: "enqueue of \(job.kind) to \(name)")
        } catch {
            // A missing library, or a stream whose ids are used up: the function call installs the one and goes
            // around the other.
            guard error.redis?.prefix == "ERR" else { throw error }
            return try await pond.call("pond_enqueue", keys, try functionArguments(job))
        }
    }

    private func enqueueCommand(_ job: NewJob) throws(QueueError) -> RedisCommand {
        let options = job.options
        if options.key != nil || options.delay != nil || options.runAt != nil || options.checksDepth {
            return RedisCommand("FCALL", ["pond_enqueue", 1, .text(keys.base)] + (try functionArguments(job)))
        }
        #if PLANTED_BUGS
        if PlantedBug.active == .trimmedStream {
            let trim: [RedisArgument] = ["MAXLEN", 100, "*"]
            return RedisCommand("XADD", [.text(keys.ready(options.priority))] + trim + (try storedFields(job)))
        }
        #endif
        return RedisCommand("XADD", [.text(keys.ready(options.priority)), "*"] + (try storedFields(job)))
    }

    private func storedFields(_ job: NewJob) throws(QueueError) -> [RedisArgument] {
        do {
            return try job.fields().flatMap { [.text($0.name), .bytes($0.value)] }
        } catch {
            throw QueueError(.invalid, error.message)
        }
    }

    private func functionArguments(_ job: NewJob) throws(QueueError) -> [RedisArgument] {
        var arguments = try storedFields(job)
        let options = job.options
        if let delay = options.delay { arguments += ["delay_ms", .integer(max(0, delay.wholeMilliseconds))] }
        if let runAt = options.runAt { arguments += ["run_at_ms", .integer(runAt.milliseconds)] }
        if options.priority != .normal { arguments += ["priority", .text(options.priority.rawValue)] }
        return arguments
    }

    private func answer(to job: NewJob, from reply: RESPValue) throws(QueueError) -> EnqueueAnswer {
        if let entry = reply.string {
            return .enqueued(ReadyStream(job.options.priority).ownID(entry: entry))
        }
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
