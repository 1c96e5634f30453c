import NIOCore
import NIOPosix
package import PondCore
import Synchronization

/// Runs tasks on one event loop's thread instead of Swift's thread pool.
///
/// Swift's pool has one thread a core, and handlers share it: a few that block stop every other `async` function of
/// the process. What must go on all the same (beats, settling, taking over) runs with this as its task executor
/// preference, and sleeps by `clock`, because `Task.sleep` wakes up on the pool.
package final class EventLoopExecutor: TaskExecutor {
    private struct State: Sendable {
        /// Ready to run, or running.
        var jobs = CircularBuffer<UnownedJob>()
        /// How many turns were not enough, one after the other.
        var turns = 0

        /// Forgets the jobs that ran; returns how many turns were not enough.
        mutating func end(_ turn: [UnownedJob]) -> Int {
            jobs.removeFirst(turn.count)
            turns = jobs.isEmpty ? 0 : turns + 1
            return turns
        }
    }

    let eventLoop: any EventLoop
    private let whenIdle: @Sendable () -> Void
    private let state = Mutex(State())

    /// Uses one of the process' event loops.
    package convenience init() {
        self.init(MultiThreadedEventLoopGroup.singleton.next())
    }

    /// - Parameter whenIdle: called on the event loop when all tasks that were ready have run.
    init(_ eventLoop: any EventLoop, whenIdle: @escaping @Sendable () -> Void = {}) {
        self.eventLoop = eventLoop
        self.whenIdle = whenIdle
    }

    /// Runs a job of a task on the event loop's thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        // The event loop is told once however many jobs follow.
        if isFirst { eventLoop.execute { self.runJobs() } }
    }

    /// Runs a turn's jobs, and asks for another turn when more are ready.
    ///
    /// Other tasks of the event loop come between two turns: what these jobs send is on its way while the next run. Its
    /// sockets come after some turns, or jobs that are always ready would stop them.
    private func runJobs() {
        let turn = state.withLock { Array($0.jobs.prefix(Limits.jobsPerTurn)) }
        let executor = asUnownedTaskExecutor()
        for job in turn { job.runSynchronously(on: executor) }
        let turns = state.withLock { $0.end(turn) }
        guard turns > 0 else { return whenIdle() }
        if turns.isMultiple(of: Limits.turnsBeforeSockets) {
            // An event loop looks at its sockets only when all that is left for it to do is in the future.
            eventLoop.scheduleTask(in: .nanoseconds(Limits.socketPause.nanoseconds)) { self.runJobs() }
        } else {
            eventLoop.execute { self.runJobs() }
        }
    }

    /// The monotonic clock with a sleep that the event loop's timer ends.
    package var clock: LocalClock {
        let eventLoop = eventLoop
        return LocalClock(now: LocalClock.system.now) { duration in
            let timer = eventLoop.scheduleTask(in: .nanoseconds(duration.wholeNanoseconds)) {}
            try await withTaskCancellationHandler {
                // The one way in which a timer fails is that it was cancelled.
                do { try await timer.futureResult.get() } catch { throw CancellationError() }
            } onCancel: {
                timer.cancel()
            }
        }
    }

    /// Runs `body` on the event loop's thread after a time, wherever the caller is.
    package func schedule(after duration: Duration, _ body: @escaping @Sendable () -> Void) {
        eventLoop.scheduleTask(in: .nanoseconds(duration.wholeNanoseconds), body)
    }
}

extension Duration {
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : seconds &+ components.attoseconds / 1_000_000_000
    }
}
