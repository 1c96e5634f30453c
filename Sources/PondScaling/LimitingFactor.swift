/// What kept a queue from the size that its demand asks for.
package enum LimitingFactor: String, Sendable, Hashable, Codable, CaseIterable {
    /// Nothing.
    case none
    /// The queue's own maximum; below it, the `max_workers` of its hosts.
    case max
    /// The fleet's maximum, shared with other queues, or room that is not free yet.
    case fleet
    /// The memory of its hosts.
    case hostMemory = "host_mem"
    /// The processors of its hosts.
    case hostCPU = "host_cpu"
    /// Its hosts stall on processor or memory.
    case pressure = "psi"
    /// Growth did not raise the throughput, so more of it waits.
    case verifyHold = "verify_hold"
    /// Its workers die as soon as they start.
    case crashLoop = "crash_loop"
    /// There is no fresh measurement.
    case stale
    /// A person has fixed the size.
    case pinned
    /// It is to shrink, and waits until the demand has been low for long enough.
    case downWindow = "down_window"
    /// A person has paused scaling.
    case paused
    /// Most attempts fail and growth would not help them.
    case failing
}
