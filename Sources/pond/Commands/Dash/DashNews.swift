import PondCore
import PondInsight
import PondQueue
import PondSaga

/// What the screen that is shown needs read beside the look.
struct DashRequest: Sendable {
    enum Subject: Hashable, Sendable {
        /// The look is all.
        case nothing
        /// What runs, and what just happened.
        case jobs
        /// Where the job with an id is, or the jobs of a correlation id.
        case why(String)
        /// The limits, and who waits for them.
        case limits
        /// The dead by root cause.
        case dead
        /// One root cause.
        case group(GroupID)
    }

    var subject = Subject.nothing
    /// Counts how often a person asked for it to be read again.
    var round = 0
    /// The queues that are shown, as the last look saw them.
    var queues: [QueueSample] = []

    /// Whether it is about something else than another one, or asked for anew.
    func differs(from other: DashRequest) -> Bool {
        subject != other.subject || round != other.round
    }
}

/// What was read for a screen.
enum DashNews: Sendable {
    case jobs(DashJobs)
    /// What is known of what was asked for.
    case answer(asked: String, DashAnswer)
    case dead(DashDead)
    case limits(LimitListing)
    case group(DashGroup)
    /// Something could not be read, and why.
    case failed(DashRequest.Subject, String)
}

/// What runs and what just happened.
struct DashJobs: Sendable {
    /// The longest running first.
    var running: [RunningJob] = []
    /// How many jobs workers tell of, those that are not listed included.
    var told = 0
    /// How many jobs are in flight.
    var inFlight = 0
    /// Newest first.
    var events: [TailEvent] = []
    /// Sagas that have not ended: those first that want a person, then by how long they have been so.
    var sagas: [DashSaga] = []
}

/// A saga on the screen of jobs.
struct DashSaga: Sendable, Hashable {
    let queue: String
    let saga: OpenSaga
    /// For how long it is in its state, and until a time wakes it, as of the last look.
    let time: Duration
    let left: Duration?

    init(_ saga: OpenSaga, of queue: String, at now: ServerTime) {
        (self.queue, self.saga) = (queue, saga)
        time = max(.zero, now.since(saga.since))
        left = saga.due.map { $0.since(now) }
    }

    var address: String { "\(queue)/\(saga.id)" }

    /// The step, or why it is where it is.
    var words: String {
        switch saga.state {
        case .undoing, .waiting, .running: saga.step
        default: saga.reason.isEmpty ? saga.step : saga.reason
        }
    }
}

/// What is known of what a person asked for.
enum DashAnswer: Sendable {
    case job(WhyReport)
    /// Several queues have a job with that id.
    case jobs([WhyReport])
    /// The jobs of a correlation id.
    case intent(IntentReader.Answer)
}

/// The dead by root cause.
struct DashDead: Sendable {
    var groups: [DeadGroupSum] = []
    /// How many queues have dead whose groups were not read yet.
    var unread = 0
}

/// One root cause.
struct DashGroup: Sendable {
    /// A dead job.
    struct Job: Sendable, Hashable {
        var queue: String
        var id: JobID
        var diedAt: ServerTime

        var address: String { "\(queue)/\(id)" }
    }

    var sum: DeadGroupSum
    /// The last that died of it, the newest first.
    var newest: [Job] = []
}
