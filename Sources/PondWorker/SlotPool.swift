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
    /// Whether anybody wants to read of each job's end; asking a logger costs as much as a claim on a lock.
    private let logsEnds: Bool
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
        logsEnds = parts.logger.logLevel <= .debug
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
        // What hardly any job needs is asked for first: an asynchronous call costs, whatever it finds.
        if LastChance.isFor(job), let outcome = await parts.lastChance.wait(for: assignment, whileWorking: parts.phase)
        {
            return assignment.line.settle(assignment, outcome)
        }
        let answer: Admission.Answer
        if let atOnce = admission.answerAtOnce(assignment, registration) {
            answer = atOnce
        } else {
            answer = await admission.ask(assignment)
        }
        switch answer {
        // Redis' answer may have been long in coming.
        case .run where isExpired(assignment): await end(assignment, registration, .expired, slot)
        case .run: await run(assignment, registration, slot)
        case .settle(let outcome): await end(assignment, registration, outcome, slot)
        case .forget: assignment.line.forget(assignment)
        }
    }

    /// Ends a job that is not to run.
    nonisolated(nonsending) private func end(
        _ assignment: Assignment,
        _ registration: Registered,
        _ outcome: Outcome,
        _ slot: Int
    ) async {
        await finish(Attempt(assignment, registration, clock, hasRun: false), Ending(outcome: outcome), slot)
    }

    private func isExpired(_ assignment: Assignment) -> Bool {
        guard let expires = assignment.job.expires, let now = assignment.line.serverClock.now else { return false }
        return expires <= now
    }

    nonisolated(nonsending) private func run(
        _ assignment: Assignment,
        _ registration: Registered,
        _ slot: Int
    ) async {
        let attempt = Attempt(assignment, registration, clock, tracer: parts.tracer)
        parts.table.begin(attempt, slot: slot)
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
        guard let ending = ending(of: attempt, thrown, slot) else { return assignment.line.forget(assignment) }
        await finish(attempt, ending, slot)
    }

    /// How a try ended.
    private struct Ending {
        let outcome: Outcome
        /// How long it ran here.
        var duration = Duration.zero
        /// What its failure has in common with others.
        var root: RootCause?
    }

    /// Judges a handler's end and tells those who measure; nil when another worker has the job.
    private func ending(of attempt: Attempt, _ thrown: (any Error)?, _ slot: Int) -> Ending? {
        let line = attempt.assignment.line
        let job = attempt.assignment.job
        let reason = parts.table.end(slot: slot)
        let duration = attempt.started.duration(to: clock.now())
        parts.intake.noteRun(duration, bytes: job.data.count)
        line.noteRun(duration, isSuccess: thrown == nil)
        let outcome = Verdict.outcome(
            of: job,
            thrown: thrown,
            cancelled: reason,
            policy: attempt.registration.policy,
            budget: attempt.context.budget,
            reserve: attempt.registration.reserve,
            spent: attempt.context.spent(after: duration)
        )
        line.noteEnd(attempt, outcome, after: duration)
        guard let outcome else { return nil }
        let root = Verdict.root(of: job, outcome: outcome, thrown: thrown, cancelled: reason)
        return Ending(outcome: outcome, duration: duration, root: root)
    }

    /// Tells whoever has to know before the job is settled, and settles it.
    nonisolated(nonsending) private func finish(_ attempt: Attempt, _ ending: Ending, _ slot: Int) async {
        let assignment = attempt.assignment
        log(ending.outcome, attempt.context)
        if !attempt.hasRun { assignment.line.noteEnd(ending.outcome, attempt.registration) }
        if attempt.registration.escalate != nil { await escalate(attempt, ending.outcome, slot) }
        // A job that did not run here has no claim to end, or has ended already.
        if attempt.hasRun, admission.hasToEnd(assignment) {
            let (outcome, result) = (ending.outcome, attempt.context.lastProgress.result)
            // In a task of its own, because the slot's was cancelled if the job's time was up.
            let isOurs = await Task { await admission.end(assignment, outcome, result) }.value
            if isOurs == false { return assignment.line.forget(assignment) }
            // Its end is not written down, so it must not look as if it were.
            if isOurs == nil { return settle(attempt, Ending(outcome: .released, duration: ending.duration)) }
        }
        CrashPoint.beforeSettle.reach()
        settle(attempt, ending)
    }

    private func settle(_ attempt: Attempt, _ ending: Ending) {
        attempt.assignment.line.settle(
            attempt.assignment,
            ending.outcome,
            result: ending.outcome.isDone ? attempt.context.lastProgress.result : nil,
            // Nobody asks what a job took that is done.
            spent: ending.outcome.isDone ? nil : attempt.context.spent(after: ending.duration),
            ran: attempt.hasRun ? attempt.ran(ending.duration) : nil,
            root: ending.root
        )
    }

    /// Calls the hook of a job whose tries or budget are used up, within a time of its own.
    nonisolated(nonsending) private func escalate(_ attempt: Attempt, _ outcome: Outcome, _ slot: Int) async {
        guard let escalate = attempt.registration.escalate, case .dead(let cause, let text) = outcome,
            cause.isExhaustion
        else { return }
        let context = attempt.context
        await parts.table.runApart(
            attempt,
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
            guard logsEnds else { return }
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
