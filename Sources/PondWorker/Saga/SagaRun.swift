import Logging
import PondCore
import PondQueue
package import PondSaga
import Synchronization

/// A saga while its job is in a slot: what is remembered of it, and what the handler has come to.
///
/// The handler runs from the top. A step that is done gives its stored result; one that is not is written down before and
/// after it runs. A wait is only noted, and thrown up through the handler: the saga is parked when the handler has ended, with
/// everything that it waits for, so that nothing of it runs any more.
final class SagaRun: Sendable {
    struct State: Sendable {
        var names = StepNames()
        /// What was remembered when the run began.
        var record: SagaRecord?
        var isRead = false
        /// Those of the remembered steps that weigh, and that the handler has not asked for in this run.
        var leftOut: Set<String> = []
        /// Whether it was looked at whether a time has woken it.
        var isTimed = false
        /// Whether the handler runs again in this delivery, because a wait was over that it had stopped at.
        var isAgain = false
        /// Steps that must not run twice, and that have begun in this delivery and not ended.
        var begun: Set<String> = []
        /// Whether Redis knows the saga.
        var exists = false
        var waits: [SagaWait] = []
        /// How long a step that failed rests.
        var rest: Duration?
        var stop: Stop?
        /// What undoes the steps that the run came by.
        var undos: [String: UndoAction] = [:]
        /// What is not remembered and the handler has come to first, in a run that undoes.
        var newStep: String?
        /// How undoing ended, when the handler's own run has done that.
        var undone: Result<Undone, any Error>?
    }

    /// Why nothing more of the saga may begin here.
    enum Stop: Sendable, Hashable {
        /// Another worker has the job.
        case lost
        /// The saga has turned round.
        case turned
        /// It goes no further before a person or another build says so.
        case paused(String)
        /// It is parked; the delivery has ended.
        case parked
    }

    let store: any SagaStore
    let job: Job
    /// The job's logger, while its context lives.
    let logger: @Sendable () -> Logger?
    let policy: RetryPolicy
    /// By which a step's time is measured.
    let clock: LocalClock
    /// Lets a short wait pass.
    let rest: @Sendable (Duration) async throws -> Void
    /// An undo inside of the program's middleware.
    let around: @Sendable (@escaping UndoAction) -> UndoAction
    let state: Mutex<State>
    /// Nil where no worker runs it.
    private let fetched: FetchedJob?
    /// How long a wait may be that keeps its slot.
    static let shortWait = Duration.seconds(1)
    /// How long a run rests that could not undo.
    static let undoPause = Duration.seconds(10)
    private static let patience = 6
    private static let pause = Backoff(base: .milliseconds(50), cap: .seconds(1), jitter: 0.2)

    init(_ place: SagaPlace, _ context: JobContext, policy: RetryPolicy, clock: LocalClock) {
        (store, job, rest) = (place.store(context), context.job, place.rest ?? clock.sleep)
        (self.policy, self.clock) = (policy, clock)
        // The context has the saga, so it must not be held by it.
        logger = { [weak context] in context?.logger }
        around = { [weak context] action in context?.inMiddleware(action) ?? action }
        fetched = context.fetched
        state = Mutex(State(isRead: !job.isSaga, exists: job.isSaga))
    }

    /// Whether what was done is undone, and nothing new begins.
    var isUndoing: Bool { job.phase == .undo }

    /// Begins again from the top, with what is remembered by now.
    func startOver() { state.withLock { $0 = State(isTimed: true, isAgain: true, begun: $0.begun, exists: true) } }

    /// Reads what is remembered, unless that has been done.
    func read() async throws {
        guard state.withLock({ !$0.isRead }) else { return }
        let record = try await asking { [store] in try await store.read() }
        let isFirst = state.withLock { state in
            guard !state.isRead else { return false }
            state.record = record
            state.isRead = true
            state.leftOut = Set(record?.steps.lazy.filter(\.isWeighty).map(\.name) ?? [])
            defer { state.isTimed = true }
            return !state.isTimed
        }
        if isFirst, let record { fetched?.countTimer(of: record) }
    }

    /// The unique name of what begins now.
    ///
    /// - Throws: `Suspended`, when nothing may begin any more.
    func enter(_ name: String) async throws -> String {
        if let flaw = StepNames.flaw(of: name) { throw GiveUp(flaw, cause: "saga_step") }
        let unique = try state.withLock { state in
            if state.stop != nil { throw Suspended(.stopped) }
            return state.names.next(name)
        }
        try await read()
        state.withLock { _ = $0.leftOut.remove(unique) }
        return unique
    }

    /// What is remembered of a step, when it is of this kind and was called with the same input.
    ///
    /// - Throws: `Suspended`, when it is another: then the saga is paused.
    func remembered(_ name: String, _ kind: StepRecord.Kind, _ fingerprint: String = "") throws -> StepRecord? {
        guard let record = state.withLock({ $0.record?[name] }) else { return nil }
        let isSame = fingerprint.isEmpty || record.fingerprint.isEmpty || record.fingerprint == fingerprint
        guard record.kind == kind, isSame else { throw stop(.paused("plan_mismatch: \(name)")) }
        return record
    }

    /// Lets nothing more begin.
    func stop(_ stop: Stop) -> Suspended {
        state.withLock { $0.stop = $0.stop ?? stop }
        return Suspended(.stopped)
    }

    /// Notes what the saga waits for.
    func wait(for wait: SagaWait) -> Suspended {
        state.withLock { $0.waits.append(wait) }
        return Suspended(.waits(wait.name))
    }

    /// The result that is remembered.
    ///
    /// - Throws: `GiveUp` for a step that failed for good, the same each time.
    func value<Value>(of record: StepRecord, _ coding: StepCoding<Value>) throws -> Value {
        switch record.state {
        case .failed:
            let (cause, reason) = StepFailureText.parts(record.error)
            throw GiveUp(reason, cause: cause)
        case .skipped where record.result.isEmpty && !coding.takesNothing:
            throw GiveUp("step \(record.name) was skipped by a person, without a result", cause: "step_skipped")
        case .unknown: throw stop(.paused("step_unknown: \(record.name)"))
        case .running, .waiting, .done, .skipped: break
        }
        do {
            return try coding.decode(record.result)
        } catch {
            // With nothing to undo here, what was done before is undone all the same.
            if isUndoing, !record.needsUndo { throw Suspended(.replayed(record.name)) }
            // The result is of another type than it was: no failure of the work, so no try is lost for it.
            let type = "\(Value.self)".cut(toBytes: 64)
            throw stop(.paused("plan_mismatch: \(record.name): its result does not decode as \(type)"))
        }
    }

    /// Asks the store, some times when there is no answer, and to the end when the handler is cancelled.
    func asking<Answer: Sendable>(_ ask: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        let clock = clock
        // In a task of its own: what was done has to be written down, though the handler's task was cancelled.
        return try await Task {
            var failures = 0
            while true {
                do {
                    return try await ask()
                } catch let error as QueueError where error.isTransient && failures < Self.patience {
                    failures += 1
                    try await clock.sleep(Self.pause.delay(afterFailures: failures))
                }
            }
        }.value
    }
}

/// Where sagas are written down.
package struct SagaPlace: Sendable {
    /// On behalf of the delivery that a job came with.
    let store: @Sendable (JobContext) -> any SagaStore
    /// Lets a short wait pass; nil waits for it.
    let rest: (@Sendable (Duration) async throws -> Void)?

    /// A place that stores are made for, one a delivery.
    package init(
        rest: (@Sendable (Duration) async throws -> Void)? = nil,
        store: @escaping @Sendable (JobContext) -> any SagaStore
    ) {
        (self.rest, self.store) = (rest, store)
    }
}
