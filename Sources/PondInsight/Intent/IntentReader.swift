package import PondCore
package import PondQueue
package import PondSQLite

/// Finds the jobs of an intent: in the history, and where they are now in Redis.
package struct IntentReader: Sendable {
    private let pond: Pond
    private let history: HistoryStore?
    private let reason: String

    /// The most jobs whose state is looked up in Redis; each takes one call.
    package static let looksMax = 200

    /// - Parameters:
    ///   - history: nil when there is none; then a job can be told of, but not what it enqueued.
    ///   - reason: why there is no history.
    package init(_ pond: Pond, history: HistoryStore?, orWhy reason: String = "there is no history") {
        self.pond = pond
        self.history = history
        self.reason = reason
    }

    /// What was found.
    package struct Answer: Sendable, Hashable {
        /// The id of the intent.
        package var correlationID: String
        /// Its jobs.
        package var tree: IntentTree
        /// What could not be seen.
        package var unseen: [String]
        /// Redis' clock.
        package var now: ServerTime

        /// - Parameter unseen: what could not be seen. Defaults to nothing.
        package init(correlationID: String, tree: IntentTree, unseen: [String] = [], now: ServerTime) {
            (self.correlationID, self.tree) = (correlationID, tree)
            (self.unseen, self.now) = (unseen, now)
        }
    }

    /// The intent with a correlation id, or that of a job.
    ///
    /// - Parameters:
    ///   - text: the correlation id, the job's id, or `QUEUE/ID`.
    ///   - limit: the most jobs that are looked up in Redis. Defaults to `looksMax`.
    package func answer(_ text: String, looks limit: Int = IntentReader.looksMax) async throws -> Answer {
        let (queue, id) = WhyReader.address(text, nil)
        let found = if let history { try await Self.found(text, id, queue, in: history) } else { [HistoryJob]() }
        let correlationID = found.first?.correlationID ?? text
        let now = try await now()
        guard let history, !found.isEmpty else {
            let (job, intent) = try await live(id, in: queue, now)
            let note = history == nil ? reason : "the history has not heard of it"
            return Answer(
                correlationID: intent ?? id.text,
                tree: IntentTree(job.map { [$0] } ?? []),
                unseen: ["\(note): other jobs of the intent, and what happened before, are not shown"],
                now: now
            )
        }
        var jobs: [IntentJob] = []
        var (looks, unseen) = (0, [String]())
        for job in found {
            let events = try await history.jobHistories(of: job.id, in: job.queue).first?.events ?? []
            var live: IntentJob.Live?
            if job.last?.what.isEnd != true, looks < limit {
                looks += 1
                live = try await self.live(job)
            }
            jobs.append(
                IntentJob(
                    queue: job.queue,
                    id: job.id,
                    kind: job.kind,
                    causationID: job.causationID,
                    events: events.map { IntentEvent($0) },
                    live: live,
                    now: now
                )
            )
        }
        if looks == limit { unseen.append("only \(looks) jobs were looked up in Redis") }
        if found.count == HistoryLimits.correlatedJobsMax {
            unseen.append("only the first \(found.count) jobs are shown")
        }
        return Answer(correlationID: correlationID, tree: IntentTree(jobs), unseen: unseen, now: now)
    }

    private static func found(
        _ text: String,
        _ id: JobID,
        _ queue: String?,
        in history: HistoryStore
    ) async throws -> [HistoryJob] {
        let jobs = try await history.jobs(correlatedBy: text)
        guard jobs.isEmpty, let job = try await history.jobs(id, in: queue).first else { return jobs }
        return try await history.jobs(correlatedBy: job.correlationID)
    }

    private func now() async throws -> ServerTime {
        try await pond.serverTime()
    }

    private func live(_ job: HistoryJob) async throws -> IntentJob.Live? {
        // A history may know queues of names that are none.
        guard let queue = try? pond.queue(job.queue) else { return nil }
        let report = try await queue.job(job.id)
        return report.state == .unknown ? nil : IntentJob.Live(report.state, since: report.since)
    }

    /// A job that only Redis knows, in its queue or in any known one.
    private func live(_ id: JobID, in queue: String?, _ now: ServerTime) async throws -> (IntentJob?, String?) {
        let names = if let queue { [try QueueName(queue)] } else { try await pond.queues() }
        for name in names {
            let report = try await pond.queue(name.text).job(id)
            guard report.state != .unknown else { continue }
            let since = report.since ?? now
            let kind: IntentSegment.Kind? =
                switch report.state {
                case .ready: .wait
                case .running: .run
                case .held: report.attempts > 0 ? .backoff : .held
                case .waiting: .held
                case .dead, .unknown: nil
                }
            let job = IntentJob(
                queue: name.text,
                id: report.id,
                kind: report.field("kind"),
                causationID: report.field("causation_id"),
                state: report.state.rawValue,
                tries: report.attempts + (report.state == .running ? 1 : 0),
                segments: kind.map { [IntentSegment($0, from: since, to: now, isOpen: true)] } ?? []
            )
            return (job, report.field("correlation_id"))
        }
        return (nil, nil)
    }
}
