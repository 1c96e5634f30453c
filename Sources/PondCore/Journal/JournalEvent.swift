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

    /// The step of a saga that it tells of; nil when it tells of none.
    package var step: String? { what.step(in: words) }

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
        /// It may not go yet, and waits without a slot. Words: the limit, why.
        case limited

        /// It has become a saga.
        case saga
        /// A step is done. Words: the step.
        case step
        /// A step failed and is tried again. Words: the step. Text: the error.
        case stepRetried = "step_retried"
        /// A step failed for good. Words: the step. Text: the error.
        case stepFailed = "step_failed"
        /// Nobody knows whether a step has happened. Words: the step.
        case stepUnknown = "step_unknown"
        /// A wait has begun. Words: the step.
        case wait
        /// The saga is parked. Words: due ms or 0, the step that it waits for.
        case waiting
        /// A wait is over. Words: `done` or `failed`, the step. Text: the error.
        case waited
        /// It is ready again. Words: the step, or `timer`.
        case woken
        /// Child jobs were given. Words: how many, the step.
        case children
        /// Enough of them have ended. Words: `done` or `failed`, the step.
        case joined
        /// A signal came. Words: its name. Text: who it is from.
        case signal
        /// An answer to a token came. Words: the step. Text: who it is from.
        case tokenResolved = "token_resolved"
        case tokenSame = "token_same"
        case tokenConflict = "token_conflict"
        case tokenExpired = "token_expired"
        case tokenVoid = "token_void"
        /// The saga undoes from here on. Words: what it will be. Text: why.
        case turned
        /// A step is undone. Words: the step.
        case undone
        case undoSkipped = "undo_skipped"
        case undoRetried = "undo_retried"
        case undoFailed = "undo_failed"
        /// Text: why.
        case sagaPaused = "saga_paused"
        case sagaResumed = "saga_resumed"
        case sagaReopened = "saga_reopened"
        /// A person has decided about a step. Words: `done`, `retry` or `abandon`, the step. Text: why.
        case sagaResolved = "saga_resolved"
        /// It is replayed. Words: the new job, `same` or `new`, the step. Text: who and why.
        case sagaForked = "saga_forked"
        /// Words: the state. Text: why.
        case sagaEnded = "saga_ended"
        case sagaStuck = "saga_stuck"
    }
}

extension JournalEvent.Kind {
    /// Whether the job is at its end with it; a revived one may end again.
    package var isEnd: Bool {
        switch self {
        case .done, .dead, .duplicate, .cancelled, .expired, .dropped, .discarded, .compensated: true
        default: false
        }
    }

    /// Whether it says nothing of where the job is, so that it may also come behind the job's end.
    package var isAside: Bool {
        switch self {
        case .lost, .signal, .tokenResolved, .tokenSame, .tokenConflict, .tokenExpired, .tokenVoid, .sagaResolved,
            .sagaForked, .sagaEnded, .sagaStuck:
            true
        default: false
        }
    }

    /// How many words stand before a name, which is the last and may have blanks; nil when the event has no name.
    private var wordsBeforeName: Int? {
        switch self {
        case .step, .stepRetried, .stepFailed, .stepUnknown, .wait, .woken, .undone, .undoSkipped, .undoRetried,
            .undoFailed, .signal, .tokenResolved, .tokenSame, .tokenConflict, .tokenExpired, .tokenVoid:
            0
        case .waiting, .waited, .children, .joined, .sagaResolved: 1
        case .sagaForked: 2
        default: nil
        }
    }

    /// The words behind the id in an event's detail; a name keeps its blanks.
    package func words(_ detail: some StringProtocol) -> [String] {
        guard let before = wordsBeforeName else { return detail.split(separator: " ").map { String($0) } }
        guard !detail.isEmpty else { return [] }
        return detail.split(separator: " ", maxSplits: before, omittingEmptySubsequences: false).map { String($0) }
    }

    /// The step that an event's words name; nil when they name none.
    package func step(in words: [String]) -> String? {
        // A signal has a name of its own, and what wakes a saga need not be a step.
        guard self != .signal, self != .woken, let before = wordsBeforeName, words.count == before + 1 else {
            return nil
        }
        return words.last.flatMap { $0.isEmpty ? nil : $0 }
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
