import PondCore

/// Cancels what is over its time, and notices a handler that goes on all the same.
struct Watchdog: Sendable {
    private static let interval = Duration.milliseconds(100)

    let table: RunningTable
    let stuckGrace: Duration
    let clock: LocalClock

    /// Watches until a handler is stuck, or the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let now = clock.now()
            table.cancel(at: now) { run in
                let progress = run.context.lastProgress
                // What follows a job has a time of its own.
                let held = run.verdict == nil ? progress.held(at: now) : .zero
                return run.limit.reason(
                    after: run.started.duration(to: now) - held,
                    silentFor: progress.silence(at: now)
                )
            }
            if !table.stuck(at: now, grace: stuckGrace).isEmpty { return }
            // Cancellation ends the loop at its head.
            try? await clock.sleep(Self.interval)
        }
    }
}
