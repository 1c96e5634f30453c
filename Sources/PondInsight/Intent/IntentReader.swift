package import PondCore
package import PondQueue
package import PondSQLite
import PondSaga

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
            var live: Live?
            if job.last?.what.isEnd != true || events.contains(where: { $0.what == .saga }), looks < limit {
                looks += 1
                live = try await self.live(job)
            }
            jobs.append(intentJob(job, events, live, now))
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

    /// What Redis still knows of a job.
    private struct Live {
        var report: JobReport
        var saga: SagaRecord?

        var place: IntentJob.Live? {
            report.state == .unknown ? nil : IntentJob.Live(report.state, since: report.since)
        }
    }

    private func intentJob(_ job: HistoryJob, _ events: [HistoryEvent], _ live: Live?, _ now: ServerTime) -> IntentJob {
        var found = IntentJob(
            queue: job.queue,
            id: job.id,
            kind: job.kind,
            causationID: job.causationID,
            events: events.map { IntentEvent($0) },
            live: live?.place,
            saga: live?.saga,
            now: now
        )
        found.parentStep = live?.report.field(WireField.parentStep.rawValue)
        return found
    }

    private func live(_ job: HistoryJob) async throws -> Live? {
        // A history may know queues of names that are none.
        guard let queue = try? pond.queue(job.queue) else { return nil }
        return try await live(job.id, in: queue)
    }

    /// A saga's record is there for an hour after its end, when its job is not.
    private func live(_ id: JobID, in queue: Queue) async throws -> Live {
        let report = try await queue.job(id)
        let isPlain = [.ready, .held].contains(report.state) && report.field(WireField.saga.rawValue) == nil
        return Live(report: report, saga: isPlain ? nil : try await queue.saga(id, withResults: false))
    }

    /// A job that only Redis knows, in its queue or in any known one.
    private func live(_ id: JobID, in queue: String?, _ now: ServerTime) async throws -> (IntentJob?, String?) {
        let names = if let queue { [try QueueName(queue)] } else { try await pond.queues() }
        for name in names {
            let live = try await live(id, in: try pond.queue(name.text))
            guard live.report.state != .unknown || live.saga != nil else { continue }
            let journal = live.saga == nil ? [] : try await JournalHistory(pond: pond).read(id, in: [name.text])
            var job = HistoryJob(of: live.report, in: name.text)
            job.kind = job.kind ?? journal.first?.job.kind
            let events = journal.first?.events ?? []
            var found = intentJob(job, events, live, now)
            if events.isEmpty { (found.segments, found.tries) = live.report.life(until: now) }
            return (found, live.report.field("correlation_id") ?? journal.first?.job.correlationID)
        }
        return (nil, nil)
    }
}

extension HistoryJob {
    /// A job that no history has heard of.
    fileprivate init(of report: JobReport, in queue: String) {
        self =
            JobHistory(
                of: report.id,
                in: queue,
                kind: report.field("kind"),
                correlationID: report.field("correlation_id"),
                causationID: report.field("causation_id"),
                events: []
            ).job
    }
}

extension JobReport {
    /// What is known of a job's life from where it is now, and how many tries began.
    fileprivate func life(until now: ServerTime) -> (segments: [IntentSegment], tries: Int) {
        let kind: IntentSegment.Kind? =
            switch state {
            case .ready: .wait
            case .running: .run
            case .held: attempts > 0 ? .backoff : .held
            case .waiting: .parked
            case .limited: .limited
            case .dead, .unknown: nil
            }
        let segments = kind.map { [IntentSegment($0, from: since ?? now, to: now, isOpen: true)] } ?? []
        return (segments, attempts + (state == .running ? 1 : 0))
    }
}
