import PondCore
import PondQueue
import Synchronization

/// Why a running handler was cancelled.
package enum CancelReason: Sendable, Hashable {
    /// Its time was up.
    case timeout(Duration)
    /// It did not call `heartbeat()` for so long.
    case silent(Duration)
    /// All tries together took the time that its budget allows.
    case overBudget
    /// Somebody cancelled the job.
    case cancelled
    /// The process stops.
    case stopping
    /// Another worker has the job.
    case lost
}

/// What each slot runs.
///
/// The watchdog reads and cancels here from the event loop, so that a handler which blocks its thread is noticed all
/// the same.
final class RunningTable: Sendable {
    struct Run: Sendable {
        let fetched: FetchedJob
        let context: JobContext
        var started: LocalInstant
        var limit: RunLimit
        var cancelled: (reason: CancelReason, at: LocalInstant)?
        /// How the job ends, when that is known already and only what follows it still runs.
        var verdict: Outcome?
        /// What the journal has been told of it.
        var told = Told()

        init(_ fetched: FetchedJob, _ context: JobContext) {
            self.fetched = fetched
            self.context = context
            started = context.started
            limit = context.limit
        }
    }

    /// What the journal has been told of a run.
    struct Told: Sendable {
        var hasStarted = false
        var fraction: Double?
        var note: String?
        var at: LocalInstant?
    }

    private struct Slot {
        /// The job that runs, and what its handler has.
        private var job: (fetched: FetchedJob, context: JobContext)?
        /// Its whole account, once something has changed in it: most jobs end before anybody looks.
        private var changed: Run?
        private var isChanged = false
        var task: Task<Void, Never>?

        init(run: Run? = nil, task: Task<Void, Never>? = nil) {
            self.task = task
            self.run = run
        }

        var run: Run? {
            get { isChanged ? changed : job.map { Run($0.fetched, $0.context) } }
            set {
                job = newValue.map { ($0.fetched, $0.context) }
                changed = newValue
                isChanged = newValue != nil
            }
        }

        mutating func begin(_ fetched: FetchedJob, _ context: JobContext) {
            if isChanged { run = nil }
            job = (fetched, context)
        }

        mutating func end() -> CancelReason? {
            guard isChanged else {
                job = nil
                return nil
            }
            defer { run = nil }
            return changed?.cancelled?.reason
        }
    }

    private let slots: Mutex<[Slot]>

    init(slots: Int) {
        self.slots = Mutex(Array(repeating: Slot(), count: slots))
    }

    var count: Int { runs.count }
    var runs: [Run] { slots.withLock { $0.compactMap(\.run) } }

    /// Starts and records the task of a slot, so that its job can be cancelled.
    ///
    /// Under the lock, so that the task cannot begin a job before it is recorded.
    func startTask(slot: Int, _ start: () -> Task<Void, Never>) {
        slots.withLock { $0[slot].task = start() }
    }

    /// What the running jobs of a queue have spent over all tries, those that spent money.
    func spent(of served: ServedQueue) -> [JobID: USD] {
        var spent: [JobID: USD] = [:]
        for run in runs where run.fetched.served === served {
            let now = run.context.lastProgress.usd
            if now > .zero { spent[run.context.job.id] = run.context.job.spent.usd + now }
        }
        return spent
    }

    /// Goes through the runs and changes them; what `body` makes of each is returned.
    func updateRuns<Result: Sendable>(_ body: (inout Run) -> Result?) -> [Result] {
        slots.withLock { slots in
            slots.indices.compactMap { slot in
                guard var run = slots[slot].run, let result = body(&run) else { return nil }
                slots[slot].run = run
                return result
            }
        }
    }

    func begin(_ fetched: FetchedJob, _ context: JobContext, slot: Int) {
        slots.withLock { $0[slot].begin(fetched, context) }
    }

    /// Runs what follows a job, cancelled when `time` is over, though the job itself may have been cancelled before.
    ///
    /// - Parameter verdict: what the job's end is already.
    func runApart(
        _ fetched: FetchedJob,
        _ context: JobContext,
        verdict: Outcome,
        for time: Duration,
        from now: LocalInstant,
        slot: Int,
        _ body: @escaping @Sendable () async -> Void
    ) async {
        var apart = Run(fetched, context)
        apart.limit = RunLimit(time: time)
        apart.started = now
        apart.verdict = verdict
        // A task of its own, for the reason above; the slot's own comes back into the table after it.
        let task = Task(operation: body)
        let slotTask = slots.withLock { slots in
            defer { slots[slot] = Slot(run: apart, task: task) }
            return slots[slot].task
        }
        await task.value
        slots.withLock { $0[slot] = Slot(task: slotTask) }
    }

    /// - Returns: why the job was cancelled, nil when it was not.
    func end(slot: Int) -> CancelReason? {
        slots.withLock { $0[slot].end() }
    }

    /// Cancels the runs for which `reason` answers; one that is cancelled already keeps its first reason.
    ///
    /// Under the lock, so that a job that ends at this moment is not mistaken for the next one in its slot.
    @discardableResult
    func cancel(at now: LocalInstant, _ reason: (Run) -> CancelReason?) -> [Run] {
        slots.withLock { slots in
            var cancelled: [Run] = []
            for slot in slots.indices {
                guard let run = slots[slot].run, run.cancelled == nil, let reason = reason(run) else { continue }
                slots[slot].run?.cancelled = (reason, now)
                slots[slot].task?.cancel()
                cancelled.append(run)
            }
            return cancelled
        }
    }

    /// The runs whose handlers go on longer than `grace` after their cancellation, the longest first.
    func stuck(at now: LocalInstant, grace: Duration) -> [Run] {
        runs
            .filter { run in run.cancelled.map { $0.at.duration(to: now) > grace } ?? false }
            .sorted { ($0.cancelled?.at ?? now) < ($1.cancelled?.at ?? now) }
    }
}
