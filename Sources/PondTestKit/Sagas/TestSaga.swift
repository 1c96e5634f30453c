import FoundationEssentials
import PondCore
import PondSaga
public import PondWorker
import Synchronization

/// A saga that a test runs in memory: without Redis, without a worker, and by a clock that the test moves.
///
/// ```swift
/// let saga = try TestSaga(Onboard(), customer)
/// saga.crash(during: "account")           // its worker dies in the middle; another goes on
/// try await saga.run()                    // until it waits
/// saga.advance(by: .seconds(86_400))
/// try await saga.run()
/// #expect(saga.state == .done)
/// ```
///
/// The handler is judged, retried and undone as by a worker. Rests between tries take no time here; waits end when the clock has
/// come so far, or when the test answers.
public final class TestSaga: Sendable {
    /// How a saga stands.
    public enum State: String, Sendable, Hashable, CaseIterable {
        /// It goes on with the next ``TestSaga/run()``.
        case running
        /// For a time, an answer, a signal or children.
        case waiting
        /// It has turned round.
        case undoing
        /// A person has to look; ``TestSaga/reason`` says why.
        case paused
        /// An undo has failed for good.
        case stuck
        case done, compensated, cancelled, failed, abandoned
    }

    /// The clock, for what the handler measures itself.
    public let clock: HandClock
    private let registration: JobRegistration
    private let data: [UInt8]
    private let middleware: [any JobMiddleware]
    private let memory: MemorySaga
    private let job: Mutex<TestJob>
    private let last = Mutex<Performed?>(nil)
    /// More than any test means; a handler that never comes to an end is told so.
    private static let deliveriesMax = 1_000

    /// A saga of a handler that has not begun.
    public convenience init<Handler: JobHandler>(
        _ handler: Handler,
        _ payload: Handler.Payload,
        job: TestJob = TestJob(),
        middleware: [any JobMiddleware] = [],
        clock: HandClock = HandClock()
    ) throws where Handler.Payload: Encodable {
        try self.init(JobRegistration(handler), payload, job: job, middleware: middleware, clock: clock)
    }

    /// The same of a handler with its policy, as in `Onboard().retrying(times: 3)`.
    public init(
        _ registration: JobRegistration,
        _ payload: some Encodable,
        job: TestJob = TestJob(),
        middleware: [any JobMiddleware] = [],
        clock: HandClock = HandClock()
    ) throws {
        self.registration = registration
        self.middleware = middleware
        self.clock = clock
        data = try (payload as? RawPayload)?.bytes ?? Array(JSONEncoder().encode(payload))
        memory = MemorySaga(clock)
        self.job = Mutex(job)
    }

    /// How it stands.
    public var state: State {
        let state = memory.state.withLock { $0.record?.state ?? $0.end ?? .running }
        return State(rawValue: state.rawValue) ?? .running
    }

    /// Why it is so: the failure, `plan_mismatch: STEP`, `step_unknown: STEP`, `cancelled`.
    public var reason: String { memory.state.withLock { $0.record?.reason ?? "" } }

    /// What it waits for, by name.
    public var waitsFor: [String] { memory.state.withLock { $0.open.map(\.name) } }

    /// The steps that are done, in the order in which they began; waits among them.
    public var steps: [String] {
        memory.state.withLock { $0.record?.steps.filter { $0.state == .done }.map(\.name) ?? [] }
    }

    /// The steps that were undone, in the order in which that was.
    public var undone: [String] { memory.state.withLock(\.undone) }

    /// What the last delivery came to; nil before the first.
    public var performed: Performed? { last.withLock { $0 } }
}

// What a test does to it.
extension TestSaga {
    /// Runs it until it waits, is paused, or has ended: delivered again after each failure and each death of its worker.
    ///
    /// - Returns: what the last delivery came to.
    /// - Throws: `PondError`, when the handler could not be run at all.
    @discardableResult
    public func run() async throws -> Performed {
        memory.state.withLock { $0.wakeIfDue(at: memory.now) }
        for _ in 0..<Self.deliveriesMax {
            guard memory.state.withLock({ $0.place == .ready }) else { break }
            try await deliver()
        }
        guard let performed else {
            throw PondError(.invalidConfiguration, "the saga is \(state) and has nothing to run")
        }
        return performed
    }

    private func deliver() async throws {
        let isUndoing = memory.state.withLock { $0.record?.state == .undoing }
        let isSaga = memory.state.withLock { $0.record != nil }
        let store = memory.deliver()
        let job = job.withLock { job in
            (job.isSaga, job.isUndoing) = (isSaga, isUndoing)
            return job
        }
        let clock = clock
        let performed = try await performOnce(
            registration,
            data,
            job,
            middleware,
            clock.local,
            rest: { clock.advance(by: $0) },
            store: { _ in store }
        )
        last.withLock { $0 = performed }
        note(performed)
    }

    /// Notes on the job what a worker would.
    private func note(_ performed: Performed) {
        let hasCrashed = memory.state.withLock(\.hasCrashed)
        let place = memory.state.withLock(\.place)
        guard place == .ready else { return }
        job.withLock { job in
            job.fence += 1
            guard !hasCrashed else {
                job.recoveries += 1
                return
            }
            switch performed.outcome {
            case .retry(let rest, let error):
                (job.attempt, job.lastError) = (job.attempt + 1, error)
                clock.advance(by: rest)
            case .postponed(let rest), .rests(let rest, _): clock.advance(by: rest)
            case .released, .deferred: job.attempt = 1
            case let outcome: memory.state.withLock { $0.settle(outcome, at: memory.now) }
            }
        }
    }

    /// Moves the clock: what waits for that long, or no longer than that, is over.
    public func advance(by time: Duration) {
        clock.advance(by: time)
        memory.state.withLock { $0.wakeIfDue(at: memory.now) }
    }

    /// Lets the worker die when the step has run, before that is written down: whether it happened, only the other side knows.
    public func crash(during step: String) { memory.state.withLock { $0.crash = .during(step) } }

    /// Lets the worker die when the step's end is written down, before anything else.
    public func crash(after step: String) { memory.state.withLock { $0.crash = .after(step) } }

    /// Lets the worker die when the step's undo has run, before that is written down.
    public func crash(duringUndoOf step: String) { memory.state.withLock { $0.crash = .duringUndo(step) } }

    /// Answers a callback, as whoever has its token does.
    public func answer(_ callback: String, with value: some Encodable) throws {
        let bytes = try (value as? RawPayload)?.bytes ?? Array(JSONEncoder().encode(value))
        memory.answer(callback, bytes)
    }

    /// The token that a callback was sent with; nil before that.
    public func token(of callback: String) -> String? { memory.state.withLock { $0.tokens[callback] } }

    /// Sends it a signal; one that nobody waits for yet is kept.
    public func signal(_ name: String, with value: some Encodable) throws {
        let bytes = try (value as? RawPayload)?.bytes ?? Array(JSONEncoder().encode(value))
        memory.signal(name, bytes)
    }

    /// The payloads of a fan-out's children, in order.
    public func children(of fanOut: String) -> [[UInt8]] {
        memory.state.withLock { $0.children[fanOut]?.payloads ?? [] }
    }

    /// Ends a child of a fan-out with what its handler returned.
    public func endChild(_ index: Int, of fanOut: String, with value: some Encodable) throws {
        let bytes = try (value as? RawPayload)?.bytes ?? Array(JSONEncoder().encode(value))
        end(index, of: fanOut, .done(result: bytes))
    }

    /// Lets a child of a fan-out die.
    public func failChild(_ index: Int, of fanOut: String, _ error: String = "dead: the test wanted it") {
        end(index, of: fanOut, .failed(error: error))
    }

    private func end(_ index: Int, of fanOut: String, _ end: ChildEnd) {
        memory.state.withLock { state in
            guard state.children[fanOut]?.ends.indices.contains(index) == true else { return }
            state.children[fanOut]?.ends[index] = end
            state.wakeIfDue(at: memory.now)
        }
    }

    /// Cancels it: what was done is undone.
    ///
    /// - Parameter force: behind a pivot, too; without it nothing changes there, as with `pond saga cancel`.
    public func cancel(force: Bool = false) {
        memory.state.withLock { state in
            guard let record = state.record, state.place != .ended, force || !record.isPastPivot else { return }
            state.turn(.cancelled, "cancelled", at: memory.now)
        }
    }
}
