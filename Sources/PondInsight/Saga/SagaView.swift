import FoundationEssentials
package import PondCore
package import PondQueue
package import PondSaga

/// All that is remembered of one saga, as people and programs read it.
package struct SagaView: Sendable, Hashable, Codable {
    /// The queue of its job, the job's id, and what it is.
    package var queue, id, kind: String
    /// Where it is on its way.
    package var state: SagaRecord.State
    /// Since when.
    @Moment package var since: ServerTime?
    /// Why, where there is more to say than the state.
    package var reason: String
    /// What it is when all is undone; nil while it goes forward.
    @OrNull package var turn: SagaRecord.State?
    /// Where its job is: ready, running, held, waiting, dead, or unknown when it has ended.
    package var job: String
    /// When a time wakes it.
    @Moment package var due: ServerTime?
    /// How often it has waited without a slot.
    package var parks: Int
    /// The saga that it replays.
    @OrNull package var forkedFrom: String?
    /// The first step that the replay runs.
    @OrNull package var forkStep: String?
    /// The saga whose keys its steps have.
    @OrNull package var keys: String?
    /// The replay that was made of it last.
    @OrNull package var forkedTo: String?
    /// The steps in the order in which they began.
    package var steps: [Step]
    /// Redis' clock.
    @Moment package var at: ServerTime?

    private enum CodingKeys: String, CodingKey {
        case queue, id, kind, state, since, reason, turn, job, due, parks
        case forkedFrom = "forked_from"
        case forkStep = "fork_step"
        case keys
        case forkedTo = "forked_to"
        case steps, at
    }

    /// One step.
    package struct Step: Sendable, Hashable, Codable {
        /// Unique in the saga.
        package var name: String
        /// What kind of thing is remembered.
        package var kind: StepRecord.Kind
        /// How far it is.
        package var state: StepRecord.State
        /// Its place among all that was begun, and how often it was.
        package var sequence, attempt: Int
        /// What it does to the world.
        package var effect: StepEffect
        /// What is to be done, or was done, to undo it.
        package var undo: StepRecord.Undo
        /// How often its undo was begun.
        package var undoAttempts: Int
        /// Whether a failure behind it goes forward, and whether it ended when the saga had turned round.
        package var pivot, late: Bool
        /// When it began first.
        @Moment package var began: ServerTime?
        /// When it ended; nil when it has not.
        @Moment package var ended: ServerTime?
        /// How long it took, or has been at it, in seconds.
        package var took: Double
        /// When a wait is over by itself.
        @Moment package var due: ServerTime?
        /// What a wait for a signal is for.
        @OrNull package var signal: String?
        /// The result when it is text.
        @OrNull package var result: String?
        /// The result when it is none.
        @OrNull package var resultBase64: String?
        /// What went wrong last; empty when nothing did.
        package var error: String

        private enum CodingKeys: String, CodingKey {
            case name, kind, state, sequence, attempt, effect, undo
            case undoAttempts = "undo_attempts"
            case pivot, late, began, ended, took, due, signal, result
            case resultBase64 = "result_base64"
            case error
        }
    }

    /// Reads a saga; nil when the job is none.
    package static func read(_ queue: Queue, _ id: JobID) async throws -> SagaView? {
        guard let detail = try await queue.sagaDetail(id) else { return nil }
        let situation = try await queue.situation(of: id)
        return SagaView(detail, of: queue.name.text, situation)
    }

    /// What there is to say of a record.
    package init(_ detail: SagaDetail, of queue: String, _ situation: JobSituation) {
        let record = detail.record
        (self.queue, id, kind) = (queue, situation.report.id.text, detail.kind)
        (state, reason, parks) = (record.state, record.reason, detail.parks)
        job = situation.report.state.rawValue
        _since = Moment(wrappedValue: record.since)
        _turn = OrNull(wrappedValue: record.turn)
        _due = Moment(wrappedValue: situation.report.due)
        _forkedFrom = OrNull(wrappedValue: detail.forkedFrom?.text)
        _forkStep = OrNull(wrappedValue: detail.forkStep)
        _keys = OrNull(wrappedValue: record.keyBase)
        _forkedTo = OrNull(wrappedValue: detail.forkedTo?.text)
        _at = Moment(wrappedValue: situation.now)
        // What has not ended when its saga does never will.
        let last = record.state.isFinal ? record.since : situation.now
        steps = record.steps.map { Step($0, signal: detail.signals[$0.name], now: last) }
    }
}

extension SagaView.Step {
    fileprivate init(_ step: StepRecord, signal: String?, now: ServerTime) {
        let text = String(validating: step.result, as: UTF8.self)
        let took = (step.ended ?? now).since(step.began).wholeMilliseconds
        self.init(
            name: step.name,
            kind: step.kind,
            state: step.state,
            sequence: step.sequence,
            attempt: step.attempt,
            effect: step.effect,
            undo: step.undo,
            undoAttempts: step.undoAttempt,
            pivot: step.isPivot,
            late: step.isLate,
            began: step.began,
            ended: step.ended,
            took: Double(max(0, took)) / 1_000,
            // Of what is over it says nothing any more.
            due: step.state == .waiting || step.state == .running ? step.due : nil,
            signal: signal,
            result: step.result.isEmpty ? nil : text,
            resultBase64: text == nil ? Data(step.result).base64EncodedString() : nil,
            error: step.error
        )
    }
}
