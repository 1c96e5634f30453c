import Glibc
import Logging
import PondCore
import PondQueue
import Synchronization

/// The slots: each a long-lived task that takes a job, runs it, and takes the next.
///
/// The tasks are unstructured on purpose. A job whose time is up is cancelled by cancelling its slot's task, from the
/// event loop, whatever the thread pool does; a child task offers no handle for that. The slot then ends with its job,
/// and a fresh one takes its place.
///
/// What a job passes through stays on its caller's executor (`nonsending`): a look for the right one at each step would be
/// a tenth of what a job costs.
final class SlotPool: Sendable {
    private let registry: KindTable
    private let parts: WorkerParts
    private let clock: LocalClock
    private let admission: Admission
    private static let escalationTime = Duration.seconds(10)
    /// How long a slot goes on with short jobs before it lets other tasks have its thread.
    private static let turn = Duration.microseconds(400)
    /// After so many tiny jobs, of whatever slots, the event loop may have the processor.
    private static let jobsBetweenLoops = 32
    /// Jobs that slots are done with, ever.
    private let ended = Atomic(0)

    init(_ registry: KindTable, _ parts: WorkerParts, clock: LocalClock) {
        self.registry = registry
        self.parts = parts
        self.clock = clock
        admission = Admission(parts: parts, clock: clock)
    }

    func start() {
        for slot in 0..<parts.configuration.slots { open(slot) }
    }

    private func open(_ slot: Int) {
        parts.table.startTask(slot: slot) {
            // Unstructured for the reason above; the intake's closing ends it.
            Task {
                await work(slot)
                if Task.isCancelled && !parts.phase.isStopping { open(slot) }
            }
        }
    }

    nonisolated(nonsending) private func work(_ slot: Int) async {
        var began = clock.now()
        while !Task.isCancelled, let assignment = await parts.intake.next() {
            await run(assignment, slot)
            parts.intake.noteEnd()
            letLoopRun()
            // Handlers that never suspend must not keep the thread from those of other slots.
            if began.duration(to: clock.now()) > Self.turn {
                await Task.yield()
                began = clock.now()
            }
        }
    }

    /// Gives the processor away now and then while jobs are so short that they leave it to nobody.
    ///
    /// The kernel would let the event loop, which fetches and settles, wait for a whole time slice, and Redis would have
    /// nothing to do. Where jobs take longer, they wait for something, and the loop gets its time anyway.
    private func letLoopRun() {
        guard ended.wrappingAdd(1, ordering: .relaxed).newValue.isMultiple(of: Self.jobsBetweenLoops),
            parts.intake.areRunsTiny
        else { return }
        sched_yield()
    }

    nonisolated(nonsending) private func run(_ assignment: Assignment, _ slot: Int) async {
        let job = assignment.job
        if isExpired(assignment) {
            assignment.line.noteEnd(.expired, registry[job])
            return assignment.line.settle(assignment, .expired)
        }
        guard let registration = registry[job] else {
            return assignment.line.settle(assignment, defer: job)
        }
        if let outcome = await parts.lastChance.wait(for: assignment, whileWorking: parts.phase) {
            return assignment.line.settle(assignment, outcome)
        }
        switch await admission.admit(assignment, registration) {
        case .run where isExpired(assignment):
            // The answer may have been long in coming.
            await finish(Attempt(assignment, registration, clock, hasRun: false), .expired, slot)
        case .run: await run(assignment, registration, slot)
        case .settle(let outcome): await finish(Attempt(assignment, registration, clock, hasRun: false), outcome, slot)
        case .forget: assignment.line.forget(assignment.receipt)
        }
    }

    private func isExpired(_ assignment: Assignment) -> Bool {
        guard let expires = assignment.job.expires, let now = assignment.line.serverClock.now else { return false }
        return expires <= now
    }

    nonisolated(nonsending) private func run(
        _ assignment: Assignment,
        _ registration: JobRegistration,
        _ slot: Int
    ) async {
        let job = assignment.job
        let attempt = Attempt(assignment, registration, clock, tracer: parts.tracer)
        parts.table.begin(attempt.run, slot: slot)
        assignment.line.noteBegin(attempt)
        CrashPoint.beforeRun.reach()
        #if PLANTED_BUGS
        if PlantedBug.active == .ackBeforeEffect {
            assignment.line.settle(assignment, .done)
            // Whatever the handler says comes too late.
            _ = try? await registration.run(attempt.context)
            _ = parts.table.end(slot: slot)
            return
        }
        #endif
        var thrown: (any Error)?
        do { try await attempt.perform() } catch { thrown = error }
        CrashPoint.afterRun.reach()
        let reason = parts.table.end(slot: slot)
        let duration = attempt.run.started.duration(to: clock.now())
        parts.intake.noteRun(duration, bytes: job.data.count)
        assignment.line.noteRun(duration, isSuccess: thrown == nil)
        let outcome = Verdict.outcome(
            of: job,
            thrown: thrown,
            cancelled: reason,
            policy: registration.policy,
            budget: attempt.context.budget,
            reserve: registration.reserve,
            spent: attempt.context.spent(after: duration)
        )
        assignment.line.noteEnd(attempt, outcome, after: duration)
        guard let outcome else { return assignment.line.forget(assignment.receipt) }
        let root = Verdict.root(of: job, outcome: outcome, thrown: thrown, cancelled: reason)
        await finish(attempt, outcome, slot, after: duration, root: root)
    }

    /// Tells whoever has to know before the job is settled, and settles it.
    ///
    /// - Parameters:
    ///   - duration: how long it ran here.
    ///   - root: what its failure has in common with others.
    nonisolated(nonsending) private func finish(
        _ attempt: Attempt,
        _ outcome: Outcome,
        _ slot: Int,
        after duration: Duration = .zero,
        root: RootCause? = nil
    ) async {
        let assignment = attempt.run.assignment
        log(outcome, attempt.context)
        if !attempt.hasRun { assignment.line.noteEnd(outcome, attempt.registration) }
        await escalate(attempt, outcome, slot)
        let result = attempt.context.lastProgress.result
        // A job that did not run here has no claim to end, or has ended already.
        var isOurs: Bool? = true
        if attempt.hasRun, admission.hasToEnd(assignment) {
            // In a task of its own, because the slot's was cancelled if the job's time was up.
            isOurs = await Task { await admission.end(assignment, outcome, result) }.value
        }
        CrashPoint.beforeSettle.reach()
        // Nobody asks what a job took that is done.
        let spent = outcome == .done ? nil : attempt.context.spent(after: duration)
        let ran = attempt.hasRun ? attempt.ran(duration) : nil
        switch isOurs {
        case true?: assignment.line.settle(assignment, outcome, result: result, spent: spent, ran: ran, root: root)
        case false?: assignment.line.forget(assignment.receipt)
        // Its end is not written down, so it must not look as if it were.
        case nil: assignment.line.settle(assignment, .released, spent: attempt.context.spent(after: duration), ran: ran)
        }
    }

    /// Calls the hook of a job whose tries or budget are used up, within a time of its own.
    nonisolated(nonsending) private func escalate(_ attempt: Attempt, _ outcome: Outcome, _ slot: Int) async {
        guard let escalate = attempt.registration.escalate, case .dead(let cause, let text) = outcome,
            cause.isExhaustion
        else { return }
        let context = attempt.context
        await parts.table.runApart(
            attempt.run,
            verdict: outcome,
            for: Self.escalationTime,
            from: clock.now(),
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

    private func log(_ outcome: Outcome, _ context: JobContext) {
        switch outcome {
        case .retry(let delay, let error):
            context.logger.warning(
                "attempt failed; trying again",
                metadata: ["error": "\(error)", "after_ms": "\(delay.wholeMilliseconds)"]
            )
        case .dead(let cause, let error):
            context.logger.error("attempt failed for good", metadata: ["error": "\(error)", "cause": "\(cause)"])
        case .done, .compensated, .deferred, .released, .postponed, .duplicate, .cancelled, .expired:
            // The context's logger is made anew each time, with five words of metadata: a third of what a job costs.
            guard parts.logger.logLevel <= .debug else { return }
            context.logger.debug("attempt ended", metadata: ["outcome": "\(outcome.word)"])
        }
    }
}

extension QueueLine {
    /// How long a job of a kind that nobody here knows rests before another worker may look at it.
    private static let unknownKindPause = Duration.seconds(2)

    fileprivate func settle(_ assignment: Assignment, defer job: Job) {
        logger.warning(
            "no \(job.phase == nil ? "handler" : "compensation") for the kind here; leaving the job to a worker that has one",
            metadata: ["job": "\(job.id)", "kind": "\(job.kind)"]
        )
        let grace = configuration.unknownKindGrace
        settle(assignment, .deferred(for: min(Self.unknownKindPause, grace), grace: grace))
    }
}
