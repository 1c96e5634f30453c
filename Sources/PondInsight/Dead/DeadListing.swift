package import PondCore
package import PondQueue

/// The dead of some queues: every cause, and the newest jobs.
package struct DeadListing: Sendable, Hashable, Codable {
    /// The newest first.
    package var jobs: [Job]
    /// How many there are, listed or not.
    package var total: Int
    /// The most frequent first.
    package var causes: [Cause]
    /// Redis' clock.
    @Moment package var at: ServerTime?

    private enum CodingKeys: String, CodingKey {
        case total, causes, at
        case jobs = "items"
    }

    /// A dead job.
    package struct Job: Sendable, Hashable, Codable {
        /// Where it is dead, and its id there.
        package var queue, id: String
        /// What it is; empty when its entry had no kind.
        package var kind: String
        /// When it died.
        @Moment package var died: ServerTime?
        /// Why, in a word and in the last error's.
        package var cause, error: String
        /// Tries that ended in an error, and how often its worker died.
        package var attempts, recoveries: Int
    }

    /// The dead of one queue under one cause.
    package struct Cause: Sendable, Hashable, Codable {
        /// The queue, and the cause's name.
        package var queue, cause: String
        /// How many are dead under it.
        package var jobs: Int
        /// When the first of them died.
        @Moment package var first: ServerTime?
        /// When the last of them died.
        @Moment package var last: ServerTime?
        /// The last one's id and error.
        package var lastID, lastError: String

        private enum CodingKeys: String, CodingKey {
            case queue, cause, jobs, first, last
            case lastID = "last_id"
            case lastError = "last_error"
        }
    }

    /// Reads the dead of some queues.
    ///
    /// - Parameters:
    ///   - cause: only those with this cause.
    ///   - limit: how many jobs at most.
    package static func read(_ queues: [Queue], cause: String?, limit: Int) async throws -> DeadListing {
        var (causes, jobs): ([Cause], [Job]) = ([], [])
        var now = ServerTime(milliseconds: 0)
        for queue in queues {
            now = max(now, try await queue.depth().now)
            for found in try await queue.causes() where cause == nil || found.name == cause {
                causes.append(Cause(found, of: queue.name))
            }
            jobs += try await queue.dead(limit: limit, cause: cause).map { Job($0, of: queue.name) }
        }
        jobs.sort { ($1.died ?? now) < ($0.died ?? now) }
        causes.sort { $0.jobs > $1.jobs }
        let total = causes.reduce(0) { $0 + $1.jobs }
        return DeadListing(jobs: Array(jobs.prefix(limit)), total: total, causes: causes, at: now)
    }
}

extension DeadListing.Job {
    fileprivate init(_ job: DeadJob, of queue: QueueName) {
        self.init(
            queue: queue.text,
            id: job.id.text,
            kind: job.kind,
            died: job.diedAt,
            cause: job.cause,
            error: job.error,
            attempts: job.attempts,
            recoveries: job.recoveries
        )
    }

    /// The job with its queue.
    package var address: String { "\(queue)/\(id)" }
}

extension DeadListing.Cause {
    fileprivate init(_ cause: DeadCause, of queue: QueueName) {
        self.init(
            queue: queue.text,
            cause: cause.name,
            jobs: cause.count,
            first: cause.first,
            last: cause.last,
            lastID: cause.lastID.text,
            lastError: cause.lastError
        )
    }
}
