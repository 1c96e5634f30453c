import Logging
import PondCore
import PondQueue

/// The slots: each a long-lived task that takes a job, runs it, and takes the next.
///
/// The tasks are unstructured on purpose. A job whose time is up is cancelled by cancelling its slot's task, from the
/// event loop, whatever the thread pool does; a child task offers no handle for that. The slot then ends with its job,
/// and a fresh one takes its place.
final class SlotPool: Sendable {
    private let registry: [JobKind: JobRegistration]
    private let parts: WorkerParts
    private let clock: LocalClock

    init(_ registry: [JobKind: JobRegistration], _ parts: WorkerParts, clock: LocalClock) {
        self.registry = registry
        self.parts = parts
        self.clock = clock
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

    private func work(_ slot: Int) async {
        while !Task.isCancelled, let assignment = await parts.intake.next() {
            await run(assignment, slot)
            parts.intake.noteEnd()
        }
    }

    private func run(_ assignment: Assignment, _ slot: Int) async {
        let job = assignment.job
        if let expires = job.expires, let now = assignment.line.serverClock.now, expires <= now {
            return assignment.line.settle(assignment, .expired)
        }
        guard let registration = registry[job.kind] else {
            return assignment.line.settle(assignment, defer: job)
        }
        let timeout = job.timeout ?? registration.timeout
        let started = clock.now()
        let context = JobContext(
            job: job,
            queue: assignment.line.handlerQueue,
            deadline: started.advanced(by: timeout),
            clock: clock
        )
        parts.table.begin(
            RunningTable.Run(assignment: assignment, context: context, started: started, timeout: timeout),
            slot: slot
        )
        #if PLANTED_BUGS
        if PlantedBug.active == .ackBeforeEffect {
            assignment.line.settle(assignment, .done)
            // Whatever the handler says comes too late.
            _ = try? await registration.run(context)
            _ = parts.table.end(slot: slot)
            return
        }
        #endif
        var thrown: (any Error)?
        do { try await registration.run(context) } catch { thrown = error }
        let reason = parts.table.end(slot: slot)
        parts.intake.noteRun(started.duration(to: clock.now()))
        let outcome = Verdict.outcome(of: job, thrown: thrown, cancelled: reason, policy: registration.policy)
        guard let outcome else { return assignment.line.forget(assignment.receipt) }
        log(outcome, context)
        assignment.line.settle(assignment, outcome)
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
        case .done, .deferred, .released, .duplicate, .cancelled, .expired:
            context.logger.debug("attempt ended", metadata: ["outcome": "\(outcome.word)"])
        }
    }
}

extension QueueLine {
    /// How long a job of a kind that nobody here knows rests before another worker may look at it.
    private static let unknownKindPause = Duration.seconds(2)

    fileprivate func settle(_ assignment: Assignment, defer job: Job) {
        logger.warning(
            "no handler for the kind here; leaving the job to a worker that has one",
            metadata: ["job": "\(job.id)", "kind": "\(job.kind)"]
        )
        let grace = configuration.unknownKindGrace
        settle(assignment, .deferred(for: min(Self.unknownKindPause, grace), grace: grace))
    }
}
