package import PondCore

/// One worker of the fleet, or one slot that has none at the moment.
package struct SlotStatus: Sendable, Hashable {
    /// What the slot or its worker does.
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// The worker is being spawned, or has not said yet that it is ready.
        case starting
        /// The worker takes jobs.
        case ready
        /// The worker was told to stop.
        case draining
        /// No worker: the next one starts after a delay.
        case backoff
        /// No worker: too many have ended in a short time.
        case parked
        /// No worker: the fleet is stopping, or has not started.
        case stopped
    }

    /// The slot's number, from 0.
    package var slot: Int
    /// The process that was started; nil when there is no process.
    package var pid: Int32?
    /// The process that takes jobs, which is another than `pid` behind a start script; nil when there is no process.
    package var workerPID: Int32?
    /// What it does.
    package var state: State
    /// Since when it does that, by the supervisor's clock.
    package var since: LocalInstant
    /// How many times the slot got a new worker because one ended unasked.
    package var restarts: Int
    /// How many workers of the slot were late to be ready.
    package var lateStarts: Int
    /// How the slot's last worker ended.
    package var lastExit: WorkerExit?
}
