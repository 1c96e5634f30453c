import Logging
import PondCore
import PondQueue
import Synchronization

extension QueueLine {
    /// Every so many beats the census looks for owners that never beat.
    private static let beatsPerCensus = 5

    /// Beats until the task is cancelled.
    ///
    /// - Parameter about: what the worker is and does now, as JSON.
    func runBeats(about: @Sendable () -> String) async {
        let outage = OutageLog(logger)
        var beats = 0
        while !Task.isCancelled {
            pulse.tries(queue.name)
            do throws(QueueError) {
                let answer = try await queue.beat(
                    as: consumer,
                    lease: configuration.lease,
                    census: beats.isMultiple(of: Self.beatsPerCensus),
                    about: about(),
                    load: load(at: clock.now()),
                    news: news(at: clock.now()),
                    spent: table.spent(of: self)
                )
                CrashPoint.afterBeat.reach()
                hear(answer, isFirst: beats == 0)
                // Whoever is idle may have them.
                for assignment in intake.takeStalled(at: clock.now()) { assignment.line.settle(assignment, .released) }
                beats += 1
                outage.worked("beat")
                pulse.worked(queue.name)
                // Cancellation ends the loop at its head.
                try? await clock.sleep(untilNextBeat(answer))
            } catch {
                pulse.failed(queue.name, error)
                await rest(afterFailures: outage.failed("beat", error))
            }
        }
    }

    /// A beat interval, or less when another worker's lease runs out before: its jobs are then taken over at once.
    private func untilNextBeat(_ answer: BeatAnswer) -> Duration {
        guard let expiry = answer.nextExpiry else { return configuration.beatInterval }
        let untilExpiry = expiry.since(answer.now) + .milliseconds(2)
        return max(.milliseconds(20), min(configuration.beatInterval, untilExpiry))
    }

    private func hear(_ answer: BeatAnswer, isFirst: Bool) {
        serverClock.note(answer.now)
        state.withLock { state in
            state.isPaused = answer.isPaused
            state.lost = answer.lost
            state.hasBeaten = true
            // Redis forgot us: our jobs may have gone to others.
            if answer.isNew && !isFirst { state.needsReconcile = true }
        }
        if answer.isNew && !isFirst {
            logger.warning(
                "this worker had been declared lost (it was stopped or cut off); looking what is left of its jobs"
            )
        }
        if !answer.lost.isEmpty { wardenSignal.ring() }
        noteNextDue(answer.nextDue)
        if !answer.cancelled.isEmpty { cancel(Set(answer.cancelled)) }
        // The fetch loop looks whether it may go on, or has to compare accounts.
        fetchSignal.ring()
    }

    private func cancel(_ ids: Set<JobID>) {
        for assignment in intake.drop(where: { $0.line === self && ids.contains($0.job.id) }) {
            settle(assignment, .cancelled)
        }
        table.cancel(at: clock.now()) { run in
            run.assignment.line === self && ids.contains(run.assignment.job.id) ? .cancelled : nil
        }
    }
}
