import NIOCore
import NIOPosix
public import PondCore

/// Runs tasks on one event loop's thread instead of Swift's thread pool.
///
/// Swift's pool has one thread a core, and handlers share it: a few that block stop every other `async` function of
/// the process. What must go on all the same (beats, settling, taking over) runs with this as its task executor
/// preference, and sleeps by `clock`, because `Task.sleep` wakes up on the pool.
public final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// Uses one of the process' event loops.
    public init() {
        eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    }

    /// Runs a job of a task on the event loop's thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
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
