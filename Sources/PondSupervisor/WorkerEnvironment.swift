/// The words that a supervisor and its worker share: environment variables and the line that means "ready".
public enum WorkerEnvironment {
    /// `stdin`: the worker's standard input is the lifeline; its end means that the supervisor is gone.
    public static let lifeline = "MILLPOND_LIFELINE"
    /// `stdout`: the worker prints ``readyLine`` on a line of its own once it takes jobs.
    public static let ready = "MILLPOND_READY"
    /// The process id of the supervisor.
    public static let supervisorPID = "MILLPOND_SUPERVISOR_PID"
    /// The number of the worker's slot, from 0.
    public static let slot = "MILLPOND_SLOT"
    /// The supervisor's name in its fleet; not set outside of a fleet.
    public static let supervisor = "MILLPOND_SUPERVISOR"
    /// The queue that the worker is for; not set outside of a fleet.
    public static let queue = "MILLPOND_QUEUE"
    /// Handlers that the worker runs at a time; not set outside of a fleet.
    public static let slots = "MILLPOND_SLOTS"
    /// Where the worker tells what it counts, as `/proc/PID/fd/NUMBER:INODE`: a pipe of the supervisor.
    ///
    /// Not set unless the supervisor serves metrics.
    public static let metrics = "MILLPOND_METRICS"
    /// The line that means "ready".
    public static let readyLine = "millpond:ready"
    /// The line on the lifeline that means: take no more jobs, finish those that run, and end.
    ///
    /// A worker that does not know it goes on.
    public static let retireLine = "retire"

    static let reserved: Set<String> = [lifeline, ready, supervisorPID, slot, supervisor, queue, slots, metrics]
}
