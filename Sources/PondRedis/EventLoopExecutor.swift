import NIOCore
import NIOPosix
public import PondCore
import Synchronization

/// Runs tasks on one event loop's thread instead of Swift's thread pool.
///
/// Swift's pool has one thread a core, and handlers share it: a few that block stop every other `async` function of
/// the process. What must go on all the same (beats, settling, taking over) runs with this as its task executor
/// preference, and sleeps by `clock`, because `Task.sleep` wakes up on the pool.
public final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop
    /// Ready to run, or running.
    private let jobs = Mutex(CircularBuffer<UnownedJob>())

    /// Uses one of the process' event loops.
    public convenience init() {
        self.init(MultiThreadedEventLoopGroup.singleton.next())
    }

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Runs a job of a task on the event loop's thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = jobs.withLock { jobs in
            jobs.append(job)
            return jobs.count == 1
        }
        // The event loop is told once however many jobs follow.
        if isFirst { eventLoop.execute { self.runJobs() } }
    }

    /// Runs a turn's jobs, and asks for another turn when more are ready.
    ///
    /// What else the event loop has to do comes between two turns: what these jobs send is on its way while the next run.
    private func runJobs() {
        let turn = jobs.withLock { Array($0.prefix(Limits.jobsPerTurn)) }
        let executor = asUnownedTaskExecutor()
        for job in turn { job.runSynchronously(on: executor) }
        let isEmpty = jobs.withLock { jobs in
            jobs.removeFirst(turn.count)
            return jobs.isEmpty
        }
        if !isEmpty { eventLoop.execute { self.runJobs() } }
    }

    /// The monotonic clock with a sleep that the event loop's timer ends.
    public var clock: LocalClock {
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
    public func schedule(after duration: Duration, _ body: @escaping @Sendable () -> Void) {
        eventLoop.scheduleTask(in: .nanoseconds(duration.wholeNanoseconds), body)
    }
}

extension Duration {
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : seconds &+ components.attoseconds / 1_000_000_000
    }
}
