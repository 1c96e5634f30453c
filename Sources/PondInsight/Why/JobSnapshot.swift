import PondCore
package import PondQueue
package import PondSQLite
package import PondScaling

/// All that a reason is judged from: values, read before.
package struct JobSnapshot: Sendable {
    /// The job's queue.
    package var queue: String
    /// What Redis says.
    package var situation: JobSituation
    /// What the workers of the queue say; empty when that did not matter.
    package var workers: [WorkerSnapshot] = []
    /// The last decision about the size of the queue's fleet; nil when nobody sizes it.
    package var decision: ScalingDecision?
    /// What the history knows of the job; nil without one.
    package var jobHistory: JobHistory?
    /// The limit that holds the job back, as it stands; nil when none does, or it could not be read.
    package var limit: LimitView?
    /// What the job's worker says of itself; nil when nobody has the job, or it says nothing.
    package var owner: WorkerAbout?
    /// How long jobs of the kind run; nil when that is not known.
    package var runTimes: HistoryRunTimes?
    /// What is remembered of the job when it is a saga; results are left out.
    package var saga: SagaDetail?
    /// How far the fan-outs are that it waits for, by the step's name.
    package var joins: [String: SagaJoin] = [:]
    /// Children that it waits for, the one first that needs somebody most.
    package var children: [WhyReport] = []
    /// Why nobody waits for this child of a saga any more; nil when somebody does, or it is none.
    package var orphaned: String?
    /// Whether there is a history; without one what happened is known from the journal in Redis alone.
    package var hasHistory = true
    /// Whether the queue is in the list of known queues.
    package var isListed = true
    /// Why Redis takes no writes just now; nil when it takes them.
    package var noWrites: String?
    /// What could not be seen.
    package var unseen: [String] = []

    /// What Redis says of a job; the rest is added.
    package init(queue: String, situation: JobSituation) {
        self.queue = queue
        self.situation = situation
        owner = situation.ownerAbout.flatMap { WorkerAbout(json: $0) }
    }

    /// What the job is.
    var kind: String? { situation.report.field(WireField.kind.rawValue) ?? jobHistory?.job.kind }
    /// Whether what the job may have done is to be undone by its kind's compensation.
    var isCompensation: Bool { phase == JobPhase.compensate.rawValue }
    /// Whether its saga has turned round: its handler undoes what was done.
    var isUndo: Bool { phase == JobPhase.undo.rawValue }
    private var phase: String? { situation.report.field(WireField.phase.rawValue) }
    /// The job's address.
    var address: String { "\(queue)/\(situation.report.id)" }

    func number(_ field: WireField) -> Int64? { situation.report.field(field.rawValue).flatMap { Int64($0) } }
    func time(_ field: WireField) -> ServerTime? { number(field).map { ServerTime(milliseconds: $0) } }
}
