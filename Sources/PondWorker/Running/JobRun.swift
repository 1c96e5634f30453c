import Logging
import PondCore
import PondQueue

// The life of a job in this worker, from top to bottom. It was fetched by `Fetcher`, which put it into the intake; a slot
// has taken it out; its end is written down by `Settler`.

/// A job in a slot, from the moment that the slot takes it until its end is on its way to Redis.
///
///     admit ─→ begin ─→ perform ─→ judge ─→ finish
///       └──────── not run ────────────────────┘
///
/// What a job passes through stays on its caller's executor (`nonsending`): a look for the right one at each step would be
/// a tenth of what a job costs. Objects are handed on where a value would have a dozen parts to copy.
struct JobRun {
    private let fetched: FetchedJob
    private let handler: Registered
    private let worker: WorkerParts
    private let slot: Int
    private static let escalationTime = Duration.seconds(10)

    init(_ fetched: FetchedJob, slot: Int, _ worker: WorkerParts) {
        self.fetched = fetched
        handler = fetched.served.handlers[fetched.job]
        self.worker = worker
        self.slot = slot
    }

    private var served: ServedQueue { fetched.served }

    /// How a job ended, whether or not it ran.
    private struct Ending {
        let outcome: Outcome
        /// How long its handler ran here; nil when it did not.
        var time: Duration?
        /// What its failure has in common with others.
        var root: RootCause?
        /// What its limits learn from it.
        var limitNews: LimitNews?
    }

    /// Goes the whole way.
    nonisolated(nonsending) func live() async {
        // What hardly any job needs is not asked for: an asynchronous call costs, whatever it finds.
        var answer = admitAtOnce()
        if answer == nil { answer = await admit() }
        switch answer ?? .run {
        case .run:
            let context = begin()
            #if PLANTED_BUGS
            if PlantedBug.active == .ackBeforeEffect { return await acknowledgeFirst(context) }
            #endif
            let thrown = await perform(context)
            // Of a job that said no step this is the only trace of sagas.
            if context.isSaga { return await goOn(context, after: thrown) }
            if context.hasIntentBudget { await context.bookUnreserved() }
            guard let ending = judge(context, thrown) else { return letGo() }
            await finish(context, ending)
        case .settle(let outcome): await finish(unbegun, Ending(outcome: outcome))
        case .later(let pause): await finish(unbegun, Ending(outcome: .postponed(for: pause)))
        case .forget: letGo()
        }
    }

    // MARK: 1. Admit: may it run here and now?

    private func admitAtOnce() -> Admission.Answer? { served.admission.answerAtOnce(fetched, handler) }

    nonisolated(nonsending) private func admit() async -> Admission.Answer { await served.admission.ask(for: fetched) }

    // MARK: 2. Begin: its time runs, and the watchdog sees it.

    private func begin() -> JobContext {
        let context = JobContext(fetched.job, handler, served.home, fetched: fetched)
        worker.table.begin(fetched, context, slot: slot)
        CrashPoint.beforeRun.reach()
        return context
    }

    /// What a job is told of that is not run.
    private var unbegun: JobContext { JobContext(fetched.job, handler, served.home, fetched: fetched) }

    // MARK: 3. Perform: the handler, inside of all middleware.

    nonisolated(nonsending) private func perform(_ context: JobContext) async -> (any Error)? {
        do {
            try await handler.run(context)
            CrashPoint.afterRun.reach()
            return nil
        } catch {
            CrashPoint.afterRun.reach()
            return error
        }
    }

    // MARK: 4. Judge: what its handler's end means for the job.

    /// - Returns: nil when another worker has the job.
    private func judge(_ context: JobContext, _ thrown: (any Error)?) -> Ending? {
        let (outcome, reason, time) = measure(context, thrown)
        guard let outcome else {
            served.middleware.ended(context, JobEnd(nil, after: time), isDone: false)
            return nil
        }
        return judged(context, outcome, thrown, reason, time)
    }

    private func measure(_ context: JobContext, _ thrown: (any Error)?) -> (Outcome?, CancelReason?, Duration) {
        let reason = worker.table.end(slot: slot)
        let now = worker.clock.now()
        // What its worker kept it waiting is no part of its budget; nobody asks that of a job that is done.
        let held = thrown == nil ? .zero : context.lastProgress.held(at: now)
        let time = context.started.duration(to: now) - held
        worker.intake.noteRun(time, bytes: context.job.data.count)
        served.tally.noteRun(time, isSuccess: thrown == nil || thrown is Suspended)
        let outcome = Verdict.outcome(
            of: context.job,
            thrown: thrown,
            cancelled: reason,
            policy: handler.policy,
            budget: context.budget,
            reserve: handler.reserve,
            spent: context.spent(after: time),
            isLimited: context.needsLimits
        )
        return (outcome, reason, time)
    }

    private func judged(
        _ context: JobContext,
        _ outcome: Outcome,
        _ thrown: (any Error)?,
        _ reason: CancelReason?,
        _ time: Duration
    ) -> Ending {
        let root = Verdict.root(of: context.job, outcome: outcome, thrown: thrown, cancelled: reason)
        served.noteVerdict(outcome, root)
        let news = thrown == nil || !context.needsLimits ? nil : Verdict.limitNews(thrown, cancelled: reason, outcome)
        return Ending(outcome: outcome, time: time, root: root, limitNews: news)
    }

    // MARK: 4b. Of a saga: go on from what is remembered, and write down what its handler's end means.

    nonisolated(nonsending) private func goOn(_ context: JobContext, after first: (any Error)?) async {
        // Nil only for a worker without a store, and those have no sagas.
        guard let saga = try? context.saga() else {
            preconditionFailure("a worker has a place to remember steps in")
        }
        let (thrown, undone) = await saga.live(after: first, spent: { context.spentNow }) { await perform(context) }
        if context.hasIntentBudget { await context.bookUnreserved() }
        let (outcome, reason, time) = measure(context, thrown)
        let ending: SagaEnding
        do {
            ending = try await saga.conclude(thrown, undone, outcome, spent: context.spent(after: time))
        } catch {
            // Redis does not answer. The job comes back, and finds in what is remembered what is left to do.
            context.logger.error("no answer about a saga; it is handed back", metadata: ["error": "\(error)"])
            ending = .settle(.released)
        }
        switch ending {
        case .settle(let outcome): await finish(context, judged(context, outcome, thrown, reason, time))
        case .moved(let outcome):
            served.middleware.ended(context, JobEnd(outcome, after: time), isDone: false)
            letGo()
        case .lost:
            served.middleware.ended(context, JobEnd(nil, after: time), isDone: false)
            letGo()
        }
    }

    // MARK: 5. Finish: tell whoever has to know before the job's end is written down, and have it written down.

    nonisolated(nonsending) private func finish(_ context: JobContext, _ ending: Ending) async {
        let outcome = ending.outcome
        served.middleware.ended(context, JobEnd(outcome, after: ending.time), isDone: outcome.isDone)
        if handler.escalate != nil { await escalate(context, outcome) }
        // A job that did not run here has no claim to end, or has ended already.
        if ending.time != nil, served.keys.hasToHear(of: context.job) {
            let result = context.result
            // In a task of its own, because the slot's was cancelled if the job's time was up.
            let isOurs = await Task { await served.keys.hearEnd(of: fetched, outcome, result) }.value
            if isOurs == false { return letGo() }
            // Its end is not written down, so it must not look as if it were.
            if isOurs == nil { return settle(context, Ending(outcome: .released, time: ending.time)) }
        }
        CrashPoint.beforeSettle.reach()
        settle(context, ending)
    }

    /// Calls the hook of a job whose tries or budget are used up, within a time of its own.
    nonisolated(nonsending) private func escalate(_ context: JobContext, _ outcome: Outcome) async {
        guard let escalate = handler.escalate, case .dead(let cause, let text) = outcome, cause.isExhaustion else {
            return
        }
        await worker.table.runApart(
            fetched,
            context,
            verdict: outcome,
            for: Self.escalationTime,
            from: worker.clock.now(),
            slot: slot
        ) {
            do {
                try await escalate(Exhausted(cause: cause, text: text), context)
            } catch {
                context.logger.error(
                    "the hook for exhausted jobs failed; the job is dead all the same",
                    metadata: ["error": "\(error)"]
                )
            }
        }
    }

    /// Lets go of a job whose end is written down already, or is another worker's: its room is free, and nobody else says so.
    private func letGo() {
        served.forget([fetched.entry])
        worker.tellRoom()
    }

    private func settle(_ context: JobContext, _ ending: Ending) {
        let isDone = ending.outcome.isDone
        served.settler.settle(
            fetched,
            ending.outcome,
            result: isDone ? context.result : nil,
            // Nobody asks what a job took that is done.
            spent: isDone ? nil : context.spent(after: ending.time ?? .zero),
            ran: ending.time.map { Ran(started: context.started, duration: $0, sampling: handler.sampling) },
            root: ending.root,
            isSaga: context.isSaga,
            limitNews: ending.limitNews
        )
    }
}

#if PLANTED_BUGS
extension JobRun {
    /// Writes down that the job is done before it is.
    nonisolated(nonsending) fileprivate func acknowledgeFirst(_ context: JobContext) async {
        served.settler.settle(fetched, .done)
        // Whatever the handler says comes too late.
        _ = await perform(context)
        _ = worker.table.end(slot: slot)
    }
}
#endif
