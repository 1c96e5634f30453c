import Logging
import PondCore
import PondQueue
import Synchronization

/// Says that the worker lives, and passes on what it hears: pauses, cancelled jobs, workers that are lost, the next due time.
final class Heartbeat: Sendable {
    /// Every so many heartbeats the census looks for owners that never beat.
    private static let beatsPerCensus = 5

    private let served: ServedQueue
    private let fetcher: Fetcher
    private let maintenance: Maintenance
    /// Rung when the next one cannot wait.
    private let signal = WakeSignal()
    private let course = Mutex(Course())
    /// Rung when the last one has its answer.
    private let answered = WakeSignal()

    private struct Course {
        /// One has begun and has no answer yet.
        var isUnderWay = false
        /// No other begins.
        var isEnding = false
        var mayArriveLate = false
    }

    init(_ served: ServedQueue, _ fetcher: Fetcher, _ maintenance: Maintenance) {
        self.served = served
        self.fetcher = fetcher
        self.maintenance = maintenance
    }

    private var clock: LocalClock { served.worker.loopClock }

    /// Beats at once, because what the worker says of itself has changed.
    func beatNow() { signal.ring() }

    /// Beats until it is ended, or the task is cancelled.
    ///
    /// - Parameter about: what the worker is and does now, as JSON.
    func run(about: @Sendable () -> String) async {
        let outage = OutageLog(served.logger)
        var beats = 0
        let (pulse, name) = (served.worker.pulse, served.queue.name)
        while !Task.isCancelled, begin() {
            pulse.tries(name)
            do throws(QueueError) {
                if beats == 0 { try await served.queue.pond.seeToLibrary() }
                let answer = try await beat(about(), census: beats.isMultiple(of: Self.beatsPerCensus))
                CrashPoint.afterBeat.reach()
                hear(answer, isFirst: beats == 0)
                // Whoever is idle may have them.
                for fetched in served.worker.intake.takeStalled(at: clock.now()) {
                    fetched.served.settler.settle(fetched, .released)
                }
                beats += 1
                outage.worked("beat")
                pulse.worked(name)
                finish()
                await signal.wait(atMost: untilNext(answer), clock)
            } catch {
                pulse.failed(name, error)
                finish()
                await served.worker.rest(afterFailures: outage.failed("beat", error))
            }
        }
    }

    private func beat(_ about: String, census: Bool) async throws(QueueError) -> BeatAnswer {
        try await served.queue.beat(
            as: served.worker.consumer,
            lease: served.worker.configuration.lease,
            census: census,
            about: about,
            load: served.load(at: clock.now()),
            news: served.news(at: clock.now()),
            spent: served.worker.table.spent(of: served)
        )
    }

    /// Begins no other, and waits for the one under way: were it cancelled, it could reach Redis after the goodbye, and
    /// the worker would be counted again.
    ///
    /// Without a connection none is under way at Redis, so nothing is waited for.
    func end(by deadline: LocalInstant) async {
        let isUnderWay = course.withLock { course in
            course.isEnding = true
            return course.isUnderWay
        }
        signal.ring()
        guard isUnderWay, served.queue.pond.isConnected else { return }
        await answered.wait(atMost: clock.now().duration(to: deadline), clock)
        course.withLock { $0.mayArriveLate = $0.isUnderWay }
    }

    /// Whether one was still under way when its time to end was over, so that no goodbye would last.
    var mayArriveLate: Bool { course.withLock { $0.mayArriveLate } }

    private func begin() -> Bool {
        course.withLock { course in
            course.isUnderWay = !course.isEnding
            return course.isUnderWay
        }
    }

    private func finish() {
        let isAwaited = course.withLock { course in
            course.isUnderWay = false
            return course.isEnding
        }
        if isAwaited { answered.ring() }
    }

    /// An interval, or less when another worker's lease runs out before: its jobs are then taken over at once.
    private func untilNext(_ answer: BeatAnswer) -> Duration {
        let interval = served.worker.configuration.beatInterval
        guard let expiry = answer.nextExpiry else { return interval }
        let untilExpiry = expiry.since(answer.now) + .milliseconds(2)
        return max(.milliseconds(20), min(interval, untilExpiry))
    }

    private func hear(_ answer: BeatAnswer, isFirst: Bool) {
        served.serverClock.note(answer.now)
        // Redis forgot us: our jobs may have gone to others.
        let isForgotten = answer.isNew && !isFirst
        if isForgotten {
            served.logger.warning(
                "this worker had been declared lost (it was stopped or cut off); looking what is left of its jobs"
            )
        }
        maintenance.noteLost(answer.lost)
        maintenance.noteNextDue(answer.nextDue)
        if !answer.cancelled.isEmpty { cancel(Set(answer.cancelled)) }
        fetcher.hear(isPaused: answer.isPaused, isForgotten: isForgotten)
    }

    private func cancel(_ ids: Set<JobID>) {
        for fetched in served.worker.intake.drop(where: { $0.served === served && ids.contains($0.job.id) }) {
            served.settler.settle(fetched, .cancelled)
        }
        served.worker.table.cancel(at: clock.now()) { run in
            run.fetched.served === served && ids.contains(run.context.job.id) ? .cancelled : nil
        }
    }
}
