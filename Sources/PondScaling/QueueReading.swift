package import PondCore

/// What was measured of a queue at one moment.
///
/// Counters are cumulative, so that a tick that was missed loses nothing.
package struct QueueReading: Sendable, Hashable, Codable {
    /// When, by Redis' clock.
    package var at: ServerTime
    /// Jobs that could start now and have no slot.
    package var waiting: Int
    /// Jobs that a handler runs now.
    package var inFlight: Int
    /// How long the job at the head of the queue has waited.
    package var oldestWait: Duration
    /// Held jobs that become due within the time that a new worker needs.
    package var dueSoon: Int
    /// Held jobs that become due within the policy's `idleToZero`.
    package var dueBeforeIdle: Int
    /// Jobs that became runnable since ever, retries included.
    package var arrivals: Int
    /// Slot-seconds of handlers since ever, those of running ones included.
    package var busySeconds: Double
    /// Attempts that ended since ever, failures included.
    package var completions: Int
    /// Attempts that succeeded since ever.
    package var successes: Int
    /// Live workers: starting and ready ones, not those that drain.
    package var workers: Int
    /// Of the live workers, those that fetch.
    package var ready: Int
    /// Workers that finish what they have and go.
    package var draining: Int
    /// The observed time from the request for a worker to its first fetch; nil until one was seen.
    package var spawnSeconds: Double?
    /// Whether somebody has paused the queue.
    package var isPaused: Bool

    package init(
        at: ServerTime,
        waiting: Int = 0,
        inFlight: Int = 0,
        oldestWait: Duration = .zero,
        dueSoon: Int = 0,
        dueBeforeIdle: Int = 0,
        arrivals: Int = 0,
        busySeconds: Double = 0,
        completions: Int = 0,
        successes: Int = 0,
        workers: Int = 0,
        ready: Int = 0,
        draining: Int = 0,
        spawnSeconds: Double? = nil,
        isPaused: Bool = false
    ) {
        self.at = at
        self.waiting = waiting
        self.inFlight = inFlight
        self.oldestWait = oldestWait
        self.dueSoon = dueSoon
        self.dueBeforeIdle = dueBeforeIdle
        self.arrivals = arrivals
        self.busySeconds = busySeconds
        self.completions = completions
        self.successes = successes
        self.workers = workers
        self.ready = ready
        self.draining = draining
        self.spawnSeconds = spawnSeconds
        self.isPaused = isPaused
    }
}
