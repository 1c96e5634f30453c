/// What happens in a fleet, in order, as ``Supervisor`` reports it.
package enum FleetEvent: Sendable, Hashable {
    /// A worker process exists.
    case spawned(slot: Int, pid: Int32)
    /// The worker is another process than the one that was started: a script stands before it.
    case startedByScript(slot: Int, pid: Int32, worker: Int32)
    /// A worker said that it takes jobs.
    case ready(slot: Int, pid: Int32)
    /// A worker has not said that it is ready in time; it is left alone.
    case notReady(slot: Int, pid: Int32, after: Duration)
    /// A worker is gone; `pid` is nil when it was never started. Expected means that it had been told to stop.
    case exited(slot: Int, pid: Int32?, status: WorkerExit, wasExpected: Bool)
    /// The slot gets a new worker after the delay.
    case willRestart(slot: Int, in: Duration)
    /// The slot rests: its workers keep ending.
    case parked(slot: Int, reason: ParkingReason)
    /// A parked slot is tried again.
    case unparked(slot: Int)
    /// A rolling restart moved.
    case rollingRestart(RollingRestart)
    /// A worker outlived its grace period, its process group was killed.
    case killed(slot: Int, pid: Int32, afterGrace: Duration)
    /// The fleet should have another number of workers.
    case resized(from: Int, to: Int)
    /// Every worker has ended after a stop.
    case drained

    /// Why a slot was parked.
    package struct ParkingReason: Sendable, Hashable {
        /// How many workers of the slot ended in the window.
        package var exits: Int
        /// The window in which they ended.
        package var window: Duration
        /// How the last one ended.
        package var lastExit: WorkerExit
        /// When the slot is tried again unasked.
        package var retryIn: Duration

        package init(exits: Int, window: Duration, lastExit: WorkerExit, retryIn: Duration) {
            self.exits = exits
            self.window = window
            self.lastExit = lastExit
            self.retryIn = retryIn
        }
    }

    /// The progress of a rolling restart.
    package enum RollingRestart: Sendable, Hashable {
        /// It began.
        case started
        /// Every slot has a new worker.
        case finished
        /// It ended early; slots that it had not reached keep their workers.
        case stopped(slot: Int?, reason: String)
    }
}
