import PondCore
package import PondSaga
import Synchronization

/// What Redis would remember of one saga, in memory and by a clock that the test moves.
///
/// Each delivery of its job has a number; a store that speaks for an older one is answered `lost`.
package final class MemorySaga: Sendable {
    struct State: Sendable {
        var record: SagaRecord?
        /// The delivery that has the job now.
        var delivery = 0
        /// Where the job is.
        var place = Place.ready
        var open: [SagaWait] = []
        /// The tokens of callbacks, and the answers that came for them.
        var tokens: [String: String] = [:]
        var signals: [(name: String, bytes: [UInt8])] = []
        var children: [String: MemoryJoin] = [:]
        /// By which delivery each step runs that was begun and has not ended.
        var running: [String: Int] = [:]
        /// Steps of which an earlier try may have happened that did not say so.
        var doubts: Set<String> = []
        /// The step whose undo runs, and the last that was begun.
        var undoing: String?
        var undoneTo: Int?
        var undone: [String] = []
        /// How the job ended, that of one too that remembered nothing.
        var end: SagaRecord.State?
        var crash: Crash?
        var hasCrashed = false
    }

    /// Where the saga's job is between its deliveries.
    enum Place: Sendable, Hashable {
        case ready, waiting, parked, ended
    }

    /// Where the worker dies.
    enum Crash: Sendable, Hashable {
        /// The step ran, and nobody hears of it.
        case during(String)
        /// Its end is written down, and nothing after it.
        case after(String)
        case duringUndo(String)
    }

    /// A worker that died in the test: nothing that its handler does counts any more.
    struct WorkerDied: Error, CustomStringConvertible {
        var description: String { "the worker died here, as the test wanted it" }
    }

    let clock: HandClock
    let state = Mutex(State())

    /// The memory of a saga that has not begun.
    package init(_ clock: HandClock) {
        self.clock = clock
    }

    /// Hands its job to the next worker, and gives the memory on its behalf.
    package func deliver() -> any SagaStore {
        let delivery = state.withLock { state in
            state.delivery += 1
            state.hasCrashed = false
            return state.delivery
        }
        return MemorySagaStore(saga: self, delivery: delivery)
    }

    /// Whether a worker can have its job now.
    package var isReady: Bool { state.withLock { $0.place == .ready } }

    /// Sends a signal; one that nobody waits for yet is kept.
    package func signal(_ name: String, _ bytes: [UInt8]) {
        state.withLock { state in
            state.signals.append((name, bytes))
            state.wakeIfDue(at: now)
        }
    }

    /// Answers a callback.
    package func answer(_ callback: String, _ bytes: [UInt8]) {
        state.withLock { state in
            state.change(callback) { step in
                guard step.state == .running || step.state == .waiting else { return }
                (step.state, step.result, step.ended) = (.done, bytes, now)
            }
            state.wakeIfDue(at: now)
        }
    }

    var now: ServerTime { clock.wall }
}

/// The children of a fan-out.
struct MemoryJoin: Sendable {
    var kind: JobKind
    var payloads: [[UInt8]]
    var ends: [ChildEnd]
    var policy: SagaChildren.Policy

    mutating func cancelOpen() {
        for index in ends.indices where ends[index] == .open { ends[index] = .failed(error: "cancelled") }
    }

    /// How the join ends; nil while it is open.
    var end: StepRecord.State? {
        let done = ends.count { if case .done = $0 { true } else { false } }
        let failed = ends.count { if case .failed = $0 { true } else { false } }
        switch policy {
        case .all: return failed > 0 ? .failed : done == ends.count ? .done : nil
        case .bestEffort: return done + failed == ends.count ? .done : nil
        case .first: return done >= 1 ? .done : failed == ends.count ? .failed : nil
        case .quorum(let least): return done >= least ? .done : ends.count - failed < least ? .failed : nil
        }
    }
}

extension MemorySaga.State {
    mutating func change(_ name: String, _ body: (inout StepRecord) -> Void) {
        guard let index = record?.steps.firstIndex(where: { $0.name == name }), var step = record?.steps[index] else {
            return
        }
        body(&step)
        record?.steps[index] = step
    }

    mutating func add(_ step: StepRecord) {
        var step = step
        step.sequence = (record?.steps.last?.sequence ?? 0) + 1
        record?.steps.append(step)
    }

    mutating func move(to state: SagaRecord.State, _ reason: String, at now: ServerTime) {
        record?.state = state
        record?.since = now
        record?.reason = reason
    }

    /// Closes a wait whose answer is there, or whose time is up.
    mutating func look(at wait: SagaWait, now: ServerTime) {
        guard let step = record?[wait.name], step.state == .waiting else { return }
        if case .signal(let name) = wait.kind, let index = signals.firstIndex(where: { $0.name == name }) {
            let bytes = signals.remove(at: index).bytes
            return change(wait.name) { ($0.state, $0.result, $0.ended) = (.done, bytes, now) }
        }
        if let end = children[wait.name]?.end {
            return change(wait.name) { step in
                (step.state, step.ended) = (end, now)
                if end == .failed { step.error = "children_failed: a child of \(step.name) has failed" }
            }
        }
        guard let due = step.due, due <= now else { return }
        change(wait.name) { step in
            step.ended = now
            let isSleep = wait.kind == .sleep
            step.state = isSleep ? .done : .failed
            step.error = isSleep ? "" : "timed out"
        }
    }

    /// Brings the saga back when something that it waits for is there.
    mutating func wakeIfDue(at now: ServerTime) {
        guard place == .waiting else { return }
        for wait in open { look(at: wait, now: now) }
        guard open.contains(where: { record?[$0.name]?.state != .waiting }) else { return }
        (place, open) = (.ready, [])
        move(to: .running, "", at: now)
    }

    /// The job's end is its saga's, unless that has turned round meanwhile.
    mutating func settle(_ outcome: Outcome, at now: ServerTime) {
        if record?.state == .undoing { return }
        place = .ended
        let (state, reason): (SagaRecord.State, String) =
            switch outcome {
            case .dead(let cause, let error): (.failed, "\(cause): \(error)")
            case .cancelled, .expired: (.cancelled, "cancelled")
            default: (.done, "")
            }
        end = state
        move(to: state, reason, at: now)
    }

    mutating func turn(_ end: SagaRecord.State, _ reason: String, at now: ServerTime) {
        if record?.state != .undoing {
            // Those that have not ended are cancelled, and undone before anything else is.
            for name in children.keys { children[name]?.cancelOpen() }
            move(to: .undoing, reason, at: now)
            record?.turn = end
        }
        (place, open) = (.ready, [])
    }
}
