/// One thing that happened to one job, as a queue's journal tells it.
package struct JournalEvent: Sendable, Hashable {
    /// What happened.
    package var what: Kind
    /// Which job.
    package var job: JobID
    /// The words after the id, as the kind of event has them; see docs/wire-format.md.
    package var words: [String]
    /// The error, note or reason that came with it.
    package var text: String?
    /// What the worker knew of the job; nil when nobody said.
    package var facts: JobFacts?

    package init(_ what: Kind, _ job: JobID, words: [String] = [], text: String? = nil, facts: JobFacts? = nil) {
        self.what = what
        self.job = job
        self.words = words
        self.text = text
        self.facts = facts
    }

    /// Everything that a journal can tell of.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Enqueued with a due time. Words: due ms.
        case scheduled
        /// A handler has had it for a while. Shorter jobs have no such event; their end says when they began.
        case started
        /// A handler said how far it is. Words: a fraction from 0 to 1 or `-`. Text: its note.
        case progress
        case done
        /// A try failed, and another follows. Words: due ms, group. Text: the error.
        case retried
        /// It ended badly. Words: cause, group. Text: the error.
        case dead
        /// Nobody in that worker knew its kind. Words: due ms.
        case deferred
        /// Handed back, not run to its end. Words: due ms, when it is not ready at once.
        case released
        /// Taken over from a worker that is gone. Words: that worker, recoveries.
        case reclaimed
        /// Not run, because another job has its key. Words: that job's id.
        case duplicate
        case cancelled
        case expired
        /// A result that came from a worker which did not own the job any more; it changed nothing.
        case lost
        /// Somebody deleted its entry behind Millpond's back.
        case ghost
        /// The oldest of too many dead.
        case dropped
        /// A dead job sent back to its ready stream. Words: `compensate`, when what it may have done is to be undone.
        case revived
        /// A dead job forgotten on request.
        case discarded
        /// What a dead job may have done is undone.
        case compensated
    }
}

extension JournalEvent.Kind {
    /// Whether the job is at its end with it; a revived one may end again.
    package var isEnd: Bool {
        switch self {
        case .done, .dead, .duplicate, .cancelled, .expired, .dropped, .discarded, .compensated: true
        case .scheduled, .started, .progress, .retried, .deferred, .released, .reclaimed, .lost, .ghost, .revived: false
        }
    }
}

/// What a worker knew of a job that it writes into the journal about.
package struct JobFacts: Sendable, Hashable {
    /// What the job is.
    package var kind: String
    /// The id of its intent; nil when that is the job's own id.
    package var correlationID: String?
    /// The job that enqueued it.
    package var causationID: String?
    /// The number of the try, from 1.
    package var attempt: Int?
    /// How long it had been ready when this try began.
    package var wait: Duration?
    /// How long this try ran, or has run up to now.
    package var run: Duration?

    package init(
        kind: String,
        correlationID: String? = nil,
        causationID: String? = nil,
        attempt: Int? = nil,
        wait: Duration? = nil,
        run: Duration? = nil
    ) {
        self.kind = kind
        self.correlationID = correlationID
        self.causationID = causationID
        self.attempt = attempt
        self.wait = wait
        self.run = run
    }
}
