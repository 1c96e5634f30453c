package import PondCore

/// What Redis remembers of a job that has become a saga: one hash, `mp:{q}:saga:ID`.
package struct SagaRecord: Sendable, Hashable {
    /// Where the saga is on its way.
    package enum State: String, Sendable, Hashable, CaseIterable, Codable {
        /// Its job is ready, held or running, and goes forward.
        case running
        /// Parked without a slot, until a time, a token, a signal or its children.
        case waiting
        /// Turned round: its job undoes what was done, newest first.
        case undoing
        /// Nobody goes on with it before a person says so, or a build fits again.
        case paused
        /// An undo has failed for good; its job is dead under `saga_stuck`.
        case stuck
        case done, compensated, cancelled, failed, abandoned

        /// Whether it has ended: nothing of it runs any more.
        package var isFinal: Bool {
            switch self {
            case .running, .waiting, .undoing, .paused, .stuck: false
            case .done, .compensated, .cancelled, .failed, .abandoned: true
            }
        }
    }

    /// Where it is.
    package var state: State
    /// Since when it is in that state.
    package var since: ServerTime
    /// Why: `cancelled`, `deadline`, `failed: …`, `plan_mismatch: STEP`, or what a person gave.
    package var reason: String
    /// What it is when all is undone, compensated or cancelled; nil while it goes forward.
    package var turn: State?
    /// Why it turned round, whatever has happened since; nil while it goes forward, and of an older library.
    package var turnReason: String?
    /// What a paused one goes on with: running, or undoing.
    package var before: State?
    /// Whether it goes forward only from its beginning: a replay that shares the keys of a saga that was behind its pivot.
    package var goesForward = false
    /// The steps in the order in which they began.
    package var steps: [StepRecord]
    /// The job's id that the keys of its steps begin with, when that is another's: a replay shares the keys of the saga that
    /// it was made from.
    package var keyBase: String?

    /// All that is remembered.
    package init(
        state: State,
        since: ServerTime,
        reason: String = "",
        turn: State? = nil,
        steps: [StepRecord] = []
    ) {
        (self.state, self.since, self.reason, self.turn, self.steps) = (state, since, reason, turn, steps)
    }

    /// The step of a name.
    package subscript(name: String) -> StepRecord? { steps.first { $0.name == name } }
}

/// One step of a saga, as it is remembered.
package struct StepRecord: Sendable, Hashable {
    /// What kind of thing is remembered.
    package enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        case step, sleep, signal, callback, children
    }

    /// How far a step is.
    package enum State: String, Sendable, Hashable, CaseIterable, Codable {
        /// Begun; its worker may be dead.
        case running
        /// A wait that is open.
        case waiting
        case done
        /// It failed for good, or its time was up; `error` says how.
        case failed
        /// Begun with the effect `once` by a worker that died: it may have happened.
        case unknown
        /// A person said that it shall not be run.
        case skipped
    }

    /// What is to be done, or was done, to undo it.
    package enum Undo: String, Sendable, Hashable, CaseIterable, Codable {
        /// It has none.
        case none
        /// It has one, since it began.
        case armed
        case running
        case done
        /// The step surely never ran.
        case skipped
        /// It has failed for good; a person has to say.
        case stuck
        /// A person said that nothing is to be done.
        case abandoned
    }

    /// Unique in the saga: `name`, `name#2` the second time.
    package var name: String
    /// What kind of thing it is.
    package var kind: Kind
    /// How far it is.
    package var state: State
    /// Its place among all that was begun, from 1; undos go from the greatest down.
    package var sequence: Int
    /// How often it was begun.
    package var attempt: Int
    /// What it does to the world.
    package var effect: StepEffect
    /// What is to be done to undo it, or was.
    package var undo: Undo
    /// How often its undo was begun.
    package var undoAttempt: Int
    /// Whether failures go forward once it is done.
    package var isPivot: Bool
    /// It ended when the saga had turned round already.
    package var isLate: Bool
    /// What the caller gave to tell inputs apart; empty for nothing.
    package var fingerprint: String
    /// The result as its codec wrote it, or the answer that a wait was given.
    package var result: [UInt8]
    /// What went wrong last.
    package var error: String
    /// When it began first.
    package var began: ServerTime
    /// When it ended; nil while it has not.
    package var ended: ServerTime?
    /// When a wait is over by itself.
    package var due: ServerTime?
    /// The job's id that its key begins with, when that is not the saga's: a replay with new keys begins with steps that ran with
    /// their old ones.
    package var keyBase: String?

    package init(
        name: String,
        kind: Kind = .step,
        state: State,
        sequence: Int,
        attempt: Int = 1,
        effect: StepEffect = .keyed,
        undo: Undo = .none,
        undoAttempt: Int = 0,
        isPivot: Bool = false,
        isLate: Bool = false,
        fingerprint: String = "",
        result: [UInt8] = [],
        error: String = "",
        began: ServerTime,
        ended: ServerTime? = nil,
        due: ServerTime? = nil
    ) {
        self.name = name
        self.kind = kind
        self.state = state
        self.sequence = sequence
        self.attempt = attempt
        self.effect = effect
        self.undo = undo
        self.undoAttempt = undoAttempt
        self.isPivot = isPivot
        self.isLate = isLate
        self.fingerprint = fingerprint
        self.result = result
        self.error = error
        self.began = began
        self.ended = ended
        self.due = due
    }
}

/// What a step does to the world, and so what may be done when its worker died in the middle.
public enum StepEffect: String, Sendable, Hashable, CaseIterable, Codable {
    /// Nothing: it is run again.
    case pure
    /// It is run again with the same key, by which the other side tells that it has done it already. The default.
    case keyed
    /// The step asks the other side first whether it has happened.
    case query
    /// It must not be run again: after a crash nobody knows whether it happened, and a person decides.
    case once
}
