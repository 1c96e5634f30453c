import Logging
import PondCore
import PondQueue
import PondRedis
import PondTelemetry
import Synchronization

/// Promotes what is due, and takes over from workers that are lost.
///
/// Every worker does both: there is no leader to lose.
final class Maintenance: Sendable {
    private struct State {
        var nextDue: ServerTime?
        var lost: [Consumer] = []
        /// The time for which the alarm is set.
        var alarm: LocalInstant?
    }

    private let served: ServedQueue
    private let signal = WakeSignal()
    private let state = Mutex(State())

    init(_ served: ServedQueue) {
        self.served = served
    }

    /// Notes when the next held job is due, as the server's last answer says.
    func noteNextDue(_ due: ServerTime?) {
        state.withLock { $0.nextDue = due }
        if due != nil { signal.ring() }
    }

    /// Notes that a job was held until `due`; what is due earlier stays first.
    func noteHeld(until due: ServerTime) {
        state.withLock { $0.nextDue = min($0.nextDue ?? due, due) }
        signal.ring()
    }

    /// Notes whose heartbeat has run out.
    func noteLost(_ lost: [Consumer]) {
        state.withLock { $0.lost = lost }
        if !lost.isEmpty { signal.ring() }
    }

    /// Goes on until the task is cancelled.
    func run() async {
        let outage = OutageLog(served.logger)
        while !Task.isCancelled {
            do throws(QueueError) {
                try await promoteWhatIsDue()
                try await takeOverFromTheLost()
                outage.worked("promote and reclaim")
                setAlarm()
                await signal.wait()
            } catch {
                await served.worker.rest(afterFailures: outage.failed("promote and reclaim", error))
            }
        }
    }

    private func promoteWhatIsDue() async throws(QueueError) {
        while let due = state.withLock({ $0.nextDue }), let now = served.serverClock.now, due <= now {
            let answer = try await served.queue.promote(as: served.worker.consumer)
            CrashPoint.afterPromote.reach()
            served.serverClock.note(answer.now)
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
                let taken = try await served.queue.reclaim(
                    from: lost,
                    by: served.worker.consumer,
                    lease: served.worker.configuration.lease
                )
                CrashPoint.afterReclaim.reach()
                more = taken.more
                guard taken.moved + taken.buried > 0 else { break }
                served.metrics?.tookOver(taken.moved + taken.buried)
                served.logger.warning(
                    "a worker is lost; its jobs run elsewhere now",
                    metadata: ["lost": "\(lost)", "jobs": "\(taken.moved)", "dead": "\(taken.buried)"]
                )
            }
        }
    }

    /// Wakes this up when the next held job is due.
    ///
    /// One alarm at a time: a later one is set when this one rang.
    private func setAlarm() {
        guard let due = state.withLock({ $0.nextDue }), let serverNow = served.serverClock.now else { return }
        let pause = max(.milliseconds(1), due.since(serverNow))
        let now = served.worker.loopClock.now()
        let at = now.advanced(by: pause)
        let isNeeded = state.withLock { state in
            if let alarm = state.alarm, alarm > now, alarm <= at { return false }
            state.alarm = at
            return true
        }
        guard isNeeded else { return }
        // Longer ones are set again by the heartbeats, which tell the next due time anyway.
        served.worker.executor.schedule(after: min(pause, .seconds(10))) { [signal] in signal.ring() }
    }
}
