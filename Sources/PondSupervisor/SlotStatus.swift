public import PondCore

/// One worker of the fleet, or one slot that has none at the moment.
public struct SlotStatus: Sendable, Hashable {
    /// What the slot or its worker does.
    public enum State: String, Sendable, Hashable, CaseIterable {
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
    public var slot: Int
    /// The process that was started; nil when there is no process.
    public var pid: Int32?
    /// The process that takes jobs, which is another than `pid` behind a start script; nil when there is no process.
    public var workerPID: Int32?
    /// What it does.
    public var state: State
    /// Since when it does that, by the supervisor's clock.
    public var since: LocalInstant
    /// How many times the slot got a new worker because one ended unasked.
    public var restarts: Int
    /// How many workers of the slot were late to be ready.
    public var lateStarts: Int
    /// How the slot's last worker ended.
    public var lastExit: WorkerExit?
}
