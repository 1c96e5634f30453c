package import PondCore
package import PondQueue
package import PondSaga
package import PondSQLite

/// A part of a job's life, for a chart.
package struct IntentSegment: Sendable, Hashable {
    /// What the job did in it.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Not due yet, as its producer wished.
        case held
        /// Resting after a failure, or until somebody knows its kind.
        case backoff
        /// A saga's, which waits without a slot or is paused; of a step, what it waits for.
        case parked
        /// Waiting until a limit has room.
        case limited
        /// Ready, and waiting for a worker.
        case wait
        /// A handler had it.
        case run
        /// A handler had it to undo what its saga had done.
        case undo
    }

    /// What the job did.
    package var kind: Kind
    /// When it began.
    package var from: ServerTime
    /// When it ended, or the present for one that goes on.
    package var to: ServerTime
    /// Whether it goes on.
    package var isOpen: Bool

    /// A part of a job's life; one that `isOpen` lasts until now.
    package init(_ kind: Kind, from: ServerTime, to: ServerTime, isOpen: Bool = false) {
        self.kind = kind
        self.from = from
        self.to = max(from, to)
        self.isOpen = isOpen
    }
}

extension [IntentSegment] {
    /// How long something was done, all parts together.
    package func time(_ kind: IntentSegment.Kind) -> Duration {
        filter { $0.kind == kind }.reduce(.zero) { $0 + $1.to.since($1.from) }
    }
}

/// What happened to a job, as far as a chart needs it.
package struct IntentEvent: Sendable, Hashable {
    /// What happened.
    package var what: HistoryEvent.What
    /// When.
    package var time: ServerTime
    /// When the job is due after it.
    package var due: ServerTime?
    /// How long the job had been ready when the try began.
    package var wait: Duration?
    /// How long the try ran, or the step.
    package var run: Duration?
    /// The number of the try, or the step's.
    package var attempt: Int?
    /// The step of a saga that it tells of.
    package var step: String?
    /// The words behind the job's id.
    package var words: [String]
    /// The error, note or reason that came with it.
    package var text: String?
    /// Whether a worker wrote it.
    package var isOfWorker: Bool

    /// Something that happened to a job.
    ///
    /// - Parameter words: the words behind the job's id, as the journal has them.
    package init(
        _ what: HistoryEvent.What,
        at time: ServerTime,
        due: ServerTime? = nil,
        wait: Duration? = nil,
        run: Duration? = nil,
        words: [String] = [],
        text: String? = nil,
        isOfWorker: Bool = true
    ) {
        (self.what, self.time, self.due, self.wait, self.run) = (what, time, due, wait, run)
        (self.words, self.text, self.isOfWorker) = (words, text, isOfWorker)
        step = what.journalKind?.step(in: words)
    }

    /// An event of the history.
    package init(_ event: HistoryEvent) {
        self.init(
            event.what,
            at: event.time,
            due: event.due,
            wait: event.wait,
            run: event.run,
            words: event.words,
            text: event.text,
            isOfWorker: event.by != nil
        )
        attempt = event.attempt
    }
}

/// One job of an intent.
package struct IntentJob: Sendable, Hashable {
    /// Its queue's name.
    package var queue: String
    /// Its id.
    package var id: JobID
    /// What it is; nil when nobody said.
    package var kind: String?
    /// The job that enqueued it.
    package var causationID: String?
    /// `done`, `dead` and so on for one that has ended, else `ready`, `running`, `held`; `unknown` when nobody can tell.
    package var state: String
    /// Tries that began.
    package var tries: Int
    /// What it did, in order.
    package var segments: [IntentSegment]
    /// Of a saga its steps and waits, in the order in which they began.
    package var steps: [IntentStep] = []
    /// Of a saga's child the step that started it, when that is known.
    package var parentStep: String?

    package init(
        queue: String,
        id: JobID,
        kind: String?,
        causationID: String?,
        state: String,
        tries: Int,
        segments: [IntentSegment]
    ) {
        self.queue = queue
        self.id = id
        self.kind = kind
        self.causationID = causationID
        self.state = state
        self.tries = tries
        self.segments = segments
    }

    /// How long it did something, all parts together.
    package func time(_ kind: IntentSegment.Kind) -> Duration { segments.time(kind) }
}

extension IntentJob {
    /// Where a job is now, when it has not ended.
    package struct Live: Sendable, Hashable {
        /// Where.
        package var state: JobReport.State
        /// Since when; nil when that is not recorded.
        package var since: ServerTime?

        package init(_ state: JobReport.State, since: ServerTime?) {
            self.state = state
            self.since = since
        }
    }

    /// A job's life from what happened to it.
    ///
    /// - Parameters:
    ///   - live: where it is in Redis; nil when nobody looked or it is not there.
    ///   - saga: what is remembered of its saga; nil when that is nothing, or nobody looked.
    ///   - now: Redis' clock.
    package init(
        queue: String,
        id: JobID,
        kind: String?,
        causationID: String?,
        events: [IntentEvent],
        live: Live?,
        saga: SagaRecord? = nil,
        now: ServerTime
    ) {
        var (life, steps) = (IntentLife(), IntentSteps())
        for event in events {
            life.take(event)
            steps.take(event)
        }
        if let saga { steps.complete(by: saga, now) }
        life.goOn(live, now)
        self.init(
            queue: queue,
            id: id,
            kind: kind,
            causationID: causationID,
            state: life.end ?? live?.state.rawValue ?? "unknown",
            tries: life.tries,
            segments: life.segments
        )
        self.steps = steps.all
    }
}
