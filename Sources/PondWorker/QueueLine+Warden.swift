import Logging
import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import Synchronization

extension QueueLine {
    /// Promotes what is due and takes over from the lost, until the task is cancelled.
    ///
    /// Every worker does both: there is no leader to lose.
    func runWarden() async {
        let outage = OutageLog(logger)
        while !Task.isCancelled {
            do throws(QueueError) {
                try await promoteWhatIsDue()
                try await takeOverFromTheLost()
                outage.worked("promote and reclaim")
                setAlarm()
                await wardenSignal.wait()
            } catch {
                await rest(afterFailures: outage.failed("promote and reclaim", error))
            }
        }
    }

    private func promoteWhatIsDue() async throws(QueueError) {
        while let due = state.withLock({ $0.nextDue }), let now = serverClock.now, due <= now {
            let answer = try await queue.promote(as: consumer)
            CrashPoint.afterPromote.reach()
            serverClock.note(answer.now)
            state.withLock { $0.nextDue = answer.nextDue }
            // A batch a call; what stays due although nothing moved (its target cannot be written) has to wait.
            if answer.promoted == 0 { return }
        }
    }

    private func takeOverFromTheLost() async throws(QueueError) {
        while let lost = state.withLock({ $0.lost.popLast() }) {
            var more = true
            while more {
                CrashPoint.beforeReclaim.reach()
                let taken = try await queue.reclaim(from: lost, by: consumer, lease: configuration.lease)
                CrashPoint.afterReclaim.reach()
                more = taken.more
                guard taken.moved + taken.buried > 0 else { break }
                metrics?.tookOver(taken.moved + taken.buried)
                logger.warning(
                    "a worker is lost; its jobs run elsewhere now",
                    metadata: ["lost": "\(lost)", "jobs": "\(taken.moved)", "dead": "\(taken.buried)"]
                )
            }
        }
    }

    /// Wakes the warden when the next held job is due.
    ///
    /// One alarm at a time: a later one is set when this one rang.
    private func setAlarm() {
        guard let due = state.withLock({ $0.nextDue }), let serverNow = serverClock.now else { return }
        let pause = max(.milliseconds(1), due.since(serverNow))
        let now = clock.now()
        let at = now.advanced(by: pause)
        let isNeeded = state.withLock { state in
            if let alarm = state.alarm, alarm > now, alarm <= at { return false }
            state.alarm = at
            return true
        }
        guard isNeeded else { return }
        // Longer ones are set again by the beats, which tell the next due time anyway.
        executor.schedule(after: min(pause, .seconds(10))) { [wardenSignal] in wardenSignal.ring() }
    }
}
