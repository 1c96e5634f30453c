package import PondCore
package import PondQueue
import Synchronization

/// One try of a job without a worker and without Redis: what the test kit runs handlers by.
///
/// Middleware, time limits and the diagnosis are those of a worker; nothing is fetched and nothing is settled.
package struct HandlerTrial: Sendable {
    /// What a worker would settle; of a saga that waits, is parked or turned round, what middleware is told.
    package let outcome: Outcome
    /// What the handler threw.
    package let error: (any Error)?
    /// What it left behind, or returned.
    package let result: JobResult?
    /// What this try took, without the earlier ones; wall time by the clock that was handed in.
    package let spent: Spending

    /// Runs one try.
    ///
    /// - Parameters:
    ///   - queue: where children go; the pond's middleware decides whether that is Redis.
    ///   - random: the jitter of the next rest, -1 to 1.
    ///   - sagas: where a job that becomes a saga is written down.
    ///   - limitDesk: who grants limits that the handler asks for; the queue's Redis when nil.
    ///   - onHeartbeat: told of each heartbeat, with the fraction and the note that it gave.
    /// - Throws: `PondError`, when the registration is not allowed or has no compensation for a job that needs one.
    package static func run(
        _ registration: JobRegistration,
        _ job: Job,
        on queue: Queue,
        middleware: [any JobMiddleware] = [],
        clock: LocalClock,
        random: Double = 0,
        sagas: SagaPlace? = nil,
        limitDesk: (any LimitDesk)? = nil,
        onHeartbeat: @escaping @Sendable (Double?, String?) -> Void = { _, _ in }
    ) async throws -> HandlerTrial {
        let kinds = try KindTable([registration]).inside(MiddlewareChain(middleware))
        let handler = kinds[job]
        guard !handler.isUnknown else {
            throw PondError(.invalidConfiguration, "\(job.kind): there is no compensation to run")
        }
        let home = JobHome(
            queue: queue,
            clock: clock,
            onHeartbeat: onHeartbeat,
            sagas: sagas,
            middleware: middleware,
            limitDesk: limitDesk
        )
        let context = JobContext(job, handler, home)
        let (end, reason) = await perform(context, handler, clock)
        let thrown = end.thrown
        let now = clock.now()
        let time = context.started.duration(to: now) - (thrown == nil ? .zero : context.lastProgress.held(at: now))
        let spent = context.spent(after: time)
        let verdict = Verdict.outcome(
            of: job,
            thrown: thrown,
            cancelled: reason,
            policy: handler.policy,
            budget: context.budget,
            reserve: handler.reserve,
            spent: spent,
            isLimited: context.needsLimits,
            random: random
        )
        // Only another worker could make it nil.
        guard let verdict else { preconditionFailure("a trial has no other worker") }
        let outcome = await conclude(context, end, verdict, spent)
        // Without the worker's own, so that the log has nothing but what the handler says.
        for one in middleware.reversed() { one.ended(context, JobEnd(outcome, after: time)) }
        return HandlerTrial(
            outcome: outcome,
            error: thrown,
            result: outcome.isDone ? context.result : nil,
            spent: Spending(
                wall: spent.wall - job.spent.wall,
                cpu: spent.cpu - job.spent.cpu,
                usd: spent.usd - job.spent.usd
            )
        )
    }

    /// How the handler ended, and of a saga that undoes how far that came.
    private struct End: Sendable {
        var thrown: (any Error)?
        var undone: SagaRun.Undone?
    }

    /// What is written down of a saga, and what it comes to.
    private static func conclude(
        _ context: JobContext,
        _ end: End,
        _ verdict: Outcome,
        _ spent: Spending
    ) async -> Outcome {
        guard context.isSaga else { return verdict }
        do {
            switch try await context.saga().conclude(end.thrown, end.undone, verdict, spent: spent) {
            case .settle(let outcome), .moved(let outcome): return outcome
            case .lost: return .released
            }
        } catch {
            // As a worker that gets no answer hands it back.
            return .released
        }
    }

    private static func live(_ context: JobContext, _ handler: Registered) async -> End {
        func run() async -> (any Error)? {
            do {
                try await handler.run(context)
                return nil
            } catch {
                return error
            }
        }
        let thrown = await run()
        // Without a place for sagas the handler has been told that already.
        guard context.isSaga, let saga = try? context.saga() else { return End(thrown: thrown) }
        let (last, undone) = await saga.live(after: thrown, spent: { context.spentNow }) { await run() }
        return End(thrown: last, undone: undone)
    }

    private enum Event {
        case ended(End)
        case timeIsUp(CancelReason)
        case watchEnded
    }

    /// Runs the handler, and cancels it when its time is up or it was silent for too long.
    private static func perform(
        _ context: JobContext,
        _ handler: Registered,
        _ clock: LocalClock
    ) async -> (End, CancelReason?) {
        await withTaskGroup(of: Event.self) { group in
            group.addTask { .ended(await live(context, handler)) }
            group.addTask {
                guard let reason = await watch(context, clock) else { return .watchEnded }
                return .timeIsUp(reason)
            }
            var reason: CancelReason?
            for await event in group {
                switch event {
                case .ended(let end):
                    group.cancelAll()
                    return (end, reason)
                case .timeIsUp(let why):
                    reason = why
                    group.cancelAll()
                case .watchEnded: break
                }
            }
            return (End(thrown: CancellationError()), reason)
        }
    }

    /// - Returns: why the handler is to be cancelled; nil when it ended before.
    private static func watch(_ context: JobContext, _ clock: LocalClock) async -> CancelReason? {
        while true {
            let now = clock.now()
            let progress = context.lastProgress
            let run = context.started.duration(to: now) - progress.held(at: now)
            let silence = progress.silence(at: now)
            if let reason = context.limit.reason(after: run, silentFor: silence) { return reason }
            let untilSilent = context.limit.heartbeatInterval.map { $0 - silence }
            do {
                try await clock.sleep(min(context.limit.time - run, untilSilent ?? context.limit.time))
            } catch {
                return nil
            }
        }
    }
}
