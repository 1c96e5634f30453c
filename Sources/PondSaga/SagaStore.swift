package import PondCore

/// Where one saga's steps are written down, on behalf of one delivery of its job.
///
/// Redis has one (`QueueSagaStore`), and tests have one in memory. Each call is one round trip and all or nothing. All of them
/// are fenced by the delivery: whoever has lost its job is answered `lost`, and changes nothing. What ends the delivery is told
/// what all tries together took, as a settlement is; nil leaves what is stored.
package protocol SagaStore: Sendable {
    /// All that is remembered; nil for a job that is no saga yet.
    func read() async throws -> SagaRecord?
    /// Before a step runs, which makes a job a saga.
    func begin(_ step: StepBegin) async throws -> StepAnswer
    /// After it ran. A result that comes when the saga has turned round is kept, and its undo runs (`late`).
    func commit(_ name: String, _ end: StepEnd) async throws -> CommitAnswer
    /// Parks the saga, which ends the delivery, unless one of the things it waits for is there already.
    ///
    /// There are several when a handler waits at several places at once; the first that is over wakes it. Asked again after a
    /// wake-up for one that is still open, a wait keeps its due time.
    func wait(_ waits: [SagaWait], spent: Spending?) async throws -> WaitAnswer
    /// Whether a wait is over already; parks nothing, and ends nothing.
    func look(at wait: SagaWait) async throws -> WaitAnswer
    /// Starts child jobs, a page a call, and remembers the join; ends nothing. Pages that were started before start nothing.
    func children(_ children: SagaChildren) async throws -> StepAnswer
    /// How children of a fan-out ended, in the order in which they were given; asked a page at a time when the join is over.
    func ends(of name: String, _ range: Range<Int>) async throws -> [ChildEnd]
    /// Turns round: from here on what was done is undone. Ends the delivery; the job comes back in phase `undo`, once its
    /// children have ended, which are cancelled.
    ///
    /// Of a saga that somebody else has turned round meanwhile it keeps the reason and does the rest.
    func turn(_ reason: SagaTurn, spent: Spending?) async throws -> SagaMove
    /// Before an undo runs; then its end. The next one must not begin before the last one has ended.
    func beginUndo(_ name: String) async throws -> UndoAnswer
    func endUndo(_ name: String, _ end: UndoEnd) async throws -> SagaMove
    /// The saga stops here until a person or a fitting build goes on (`plan_mismatch: STEP`, `step_unknown: STEP`); ends the
    /// delivery, and the job is parked. Of a saga that is paused already it keeps the reason.
    func pause(_ reason: String, spent: Spending?) async throws -> SagaMove
    /// The last word on a saga: `done`, `compensated`, `cancelled`, `failed`, `stuck`. The delivery is then settled as any job's.
    func end(_ state: SagaRecord.State, _ reason: String) async throws -> SagaMove
}

/// What is written down before a step runs.
package struct StepBegin: Sendable, Hashable {
    /// The step's name.
    package var name: String
    /// A step, or a callback.
    package var kind: StepRecord.Kind
    /// What it does to the world.
    package var effect: StepEffect
    /// Whether it can be undone.
    package var hasUndo: Bool
    /// Whether failures go forward once it is done.
    package var isPivot: Bool
    /// What the caller gives to tell inputs apart; empty for nothing.
    package var fingerprint: String
    /// A callback's token, whose SHA-256 names the key `mp:{q}:token:HASH`; kept in the record until it is sent.
    package var token: String?
    /// The money that the saga keeps for its undos.
    package var undoReserve: USD
    /// How long a token may be used, by Redis' clock from now on, which a worker does not know to the millisecond.
    package var within: Duration?

    package init(
        _ name: String,
        kind: StepRecord.Kind = .step,
        effect: StepEffect = .keyed,
        hasUndo: Bool = false,
        isPivot: Bool = false,
        fingerprint: String = "",
        token: String? = nil,
        within: Duration? = nil,
        undoReserve: USD = .zero
    ) {
        self.name = name
        self.kind = kind
        self.undoReserve = undoReserve
        self.effect = effect
        self.hasUndo = hasUndo
        self.isPivot = isPivot
        self.fingerprint = fingerprint
        self.token = token
        self.within = within
    }
}

/// What a step is told before it runs.
package enum StepAnswer: Sendable, Hashable {
    /// It runs, for the n-th time; a callback is given the token it was begun with first.
    case go(attempt: Int, token: String?)
    /// It is done, failed, skipped, waits, or is unknown; the record says.
    case known(StepRecord)
    /// The saga has turned round; nothing begins any more.
    case undoing
    case paused
    /// The stored fingerprint or kind is another.
    case mismatch(StepRecord)
    /// The job is another worker's.
    case lost
    /// A bound is reached; the text names it.
    case refused(String)
}

/// How a step ended.
package enum StepEnd: Sendable, Hashable {
    case done(result: [UInt8])
    /// It failed, and is begun again with the next run, no earlier than the job's.
    case retry(error: String)
    /// It failed for good.
    ///
    /// Certainly, when what it does has not happened for sure: then an undo that was armed is skipped in the same write.
    case failed(error: String, isCertain: Bool)
    /// It must not run again, and nobody knows whether it happened; a person says.
    case unknown(error: String)
    /// A callback's send is done: the token need not be remembered any more.
    case sent
}

/// What became of the end of a step.
package enum CommitAnswer: Sendable, Hashable {
    case kept
    /// Kept, but the saga has turned round meanwhile; what was armed will be undone.
    case late
    case lost
    /// The result is larger than `Limits.stepResultBytesMax`, or another is stored; the text says.
    case refused(String)
}

/// What a saga waits for.
package struct SagaWait: Sendable, Hashable {
    /// What is waited for.
    package enum Kind: Sendable, Hashable {
        /// A time alone.
        case sleep
        /// The answer of a token that was begun as a step of kind `callback`.
        case callback
        /// The next signal of a name.
        case signal(String)
        /// The join of a fan-out.
        case children
    }

    /// The step's name.
    ///
    /// Waits are steps of their own kind, so a second run finds them by name.
    package var name: String
    /// What it waits for.
    package var kind: Kind
    /// When it is over by itself; nil for never.
    ///
    /// A sleep's is counted from the first time that it was asked for.
    package var within: Duration?

    /// A wait under a name.
    package init(_ name: String, _ kind: Kind, within: Duration?) {
        (self.name, self.kind, self.within) = (name, kind, within)
    }
}

/// What a saga is told that waits.
package enum WaitAnswer: Sendable, Hashable {
    /// The delivery has ended; the handler unwinds.
    case parked
    /// It is not over yet; only to whoever looks.
    case open
    /// It is over: the record has the answer (done), or that the time was up (failed).
    case over(StepRecord)
    case undoing, paused, lost
    case mismatch(StepRecord)
    case refused(String)
}

/// A fan-out: child jobs whose ends are counted.
package struct SagaChildren: Sendable, Hashable {
    /// When the join is over.
    package enum Policy: Sendable, Hashable {
        case all, first, bestEffort
        case quorum(Int)
    }

    /// The step's name.
    package var name: String
    /// The children's kind.
    package var kind: JobKind
    /// The payloads of one page, in order; results come back in the same order.
    package var payloads: [[UInt8]]
    /// The place of the page's first among all.
    package var offset: Int
    /// How many there are on all pages.
    package var total: Int
    /// When the join is over.
    package var policy: Policy
    /// How many are queued or run at a time.
    package var limit: Int
    /// What the caller gave to tell inputs apart; empty for nothing.
    package var fingerprint: String
    /// Whether the saga undoes what its children did.
    package var hasUndo: Bool
    /// Tries of a child before it is dead; nil leaves them to its kind.
    package var attemptsMax: Int?
    /// The limit of one try of a child; nil leaves it to its kind.
    package var timeout: Duration?

    /// One page of a fan-out; all of it unless `total` says otherwise.
    package init(
        _ name: String,
        kind: JobKind,
        payloads: [[UInt8]],
        offset: Int = 0,
        total: Int? = nil,
        policy: Policy = .all,
        limit: Int,
        fingerprint: String = "",
        hasUndo: Bool = false
    ) {
        self.hasUndo = hasUndo
        self.name = name
        self.kind = kind
        self.payloads = payloads
        self.offset = offset
        self.total = total ?? payloads.count
        self.policy = policy
        self.limit = limit
        self.fingerprint = fingerprint
    }
}

/// What a join knows of one child.
package enum ChildEnd: Sendable, Hashable {
    /// It has not ended, or not before the join was over.
    case open
    case done(result: [UInt8])
    /// Dead, cancelled, expired or discarded; the text begins with that word.
    case failed(error: String)
}

/// Why a saga turns round, and what it is when all is undone.
package enum SagaTurn: Sendable, Hashable {
    /// A step or the handler failed for good: then `compensated`, and the text is kept.
    case failed(cause: Cause, error: String)
    /// Somebody cancelled it, its deadline passed, or its budget is used up: then `cancelled`.
    case cancelled(String)

    /// Why, for people.
    package var text: String {
        switch self {
        case .failed(let cause, let error): "\(cause): \(error)"
        case .cancelled(let why): why
        }
    }
}

/// What is told before an undo runs.
package enum UndoAnswer: Sendable, Hashable {
    case go(attempt: Int)
    /// It is done, skipped or a person has decided.
    case over
    case lost
}

/// How a try of an undo ended.
package enum UndoEnd: Sendable, Hashable {
    case done
    /// It is tried again with the job's next run.
    case retry(error: String)
    /// It has failed for good: the saga is stuck.
    case stuck(error: String)
    /// The step surely never ran.
    case skipped
}

/// What became of a move of the saga.
package enum SagaMove: Sendable, Hashable {
    case moved
    case lost
    /// Nothing was changed; the text says why, as in `nothing to undo`.
    case refused(String)
}
