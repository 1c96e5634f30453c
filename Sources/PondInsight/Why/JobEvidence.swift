package import PondCore
package import PondQueue
package import PondSQLite
package import PondScaling

/// All that a reason is judged from: values, read before.
package struct JobEvidence: Sendable {
    /// The job's queue.
    package var queue: String
    /// What Redis says.
    package var situation: JobSituation
    /// What the workers of the queue say; empty when that did not matter.
    package var workers: [WorkerSighting] = []
    /// The last decision about the size of the queue's fleet; nil when nobody sizes it.
    package var decision: ScalingDecision?
    /// What the history knows of the job; nil without one.
    package var story: HistoryStory?
    /// How long jobs of the kind run; nil when that is not known.
    package var runTimes: HistoryRunTimes?
    /// What could not be seen.
    package var unseen: [String] = []

    package init(queue: String, situation: JobSituation) {
        self.queue = queue
        self.situation = situation
    }

    /// What the job is.
    var kind: String? { situation.report.field(WireField.kind.rawValue) ?? story?.job.kind }
    /// Whether what the job may have done is to be undone.
    var isCompensation: Bool { situation.report.field(WireField.phase.rawValue) != nil }
    /// The job's address.
    var address: String { "\(queue)/\(situation.report.id)" }

    func number(_ field: WireField) -> Int64? { situation.report.field(field.rawValue).flatMap { Int64($0) } }
    func time(_ field: WireField) -> ServerTime? { number(field).map { ServerTime(milliseconds: $0) } }
}

/// A worker as its last beat shows it.
package struct WorkerSighting: Sendable, Hashable {
    /// Its name in the group.
    package var name: String
    /// When it beat last.
    package var lastBeat: ServerTime?
    /// The kinds that it has handlers for; nil when it did not say, or has one for every kind.
    package var kinds: [String]?
    /// The kinds that it has compensations for; nil when it did not say.
    package var compensates: [String]?
    /// Handlers that it runs at a time.
    package var slots: Int
    /// Handlers that it runs now, of all its queues.
    package var running: Int
    /// Whether it takes new jobs.
    package var isFetching: Bool
    /// How long handlers of the queue have run in it.
    package var busy: Duration = .zero
    /// Tries of the queue's jobs that have ended in it.
    package var ended: Int = 0

    /// Whether it has beaten within a lease.
    func isAlive(at now: ServerTime) -> Bool { lastBeat.map { now.since($0) <= Limits.lease } ?? false }
    /// Whether it may run jobs of a kind.
    func handles(_ kind: String, isCompensation: Bool) -> Bool {
        guard isCompensation else { return kinds.map { $0.contains(kind) || $0.contains("*") } ?? true }
        guard let compensates else { return true }
        // A kind with a handler of its own is undone by that handler's compensation alone.
        return compensates.contains(kind) || (compensates.contains("*") && !(kinds ?? []).contains(kind))
    }
}
