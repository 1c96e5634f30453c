/// The words that a supervisor and its worker share: environment variables and the line that means "ready".
package enum WorkerEnvironment {
    /// `stdin`: the worker's standard input is the lifeline; its end means that the supervisor is gone.
    package static let lifeline = "MILLPOND_LIFELINE"
    /// `stdout`: the worker prints ``readyLine`` on a line of its own once it takes jobs.
    package static let ready = "MILLPOND_READY"
    /// Set when the worker may say who it is: it then prints its process id behind ``readyLine``, as `millpond:ready 4711`.
    ///
    /// So its supervisor can tell it to stop also where a script started it.
    package static let readyPID = "MILLPOND_READY_PID"
    /// The process id of the supervisor.
    package static let supervisorPID = "MILLPOND_SUPERVISOR_PID"
    /// The number of the worker's slot, from 0.
    package static let slot = "MILLPOND_SLOT"
    /// The supervisor's name in its fleet; not set outside of a fleet.
    package static let supervisor = "MILLPOND_SUPERVISOR"
    /// The queue that the worker is for; not set outside of a fleet.
    package static let queue = "MILLPOND_QUEUE"
    /// Handlers that the worker runs at a time; not set outside of a fleet.
    package static let slots = "MILLPOND_SLOTS"
    /// Which limits jobs of kinds need, a line `kind=names` each; not set where the fleet's file says nothing of it.
    package static let limitedBy = "MILLPOND_LIMITED_BY"
    /// Where the worker tells what it counts, as `/proc/PID/fd/NUMBER:INODE`: a pipe of the supervisor.
    ///
    /// Not set unless the supervisor serves metrics.
    package static let metrics = "MILLPOND_METRICS"
    /// The line that means "ready".
    package static let readyLine = "millpond:ready"
    /// The line on the lifeline that means: take no more jobs, finish those that run, and end.
    ///
    /// A worker that does not know it goes on.
    package static let retireLine = "retire"

    static let reserved: Set<String> = [
        lifeline, ready, readyPID, supervisorPID, slot, supervisor, queue, slots, limitedBy, metrics,
    ]

    /// The line that says "ready" and who says it.
    package static func readyLine(of pid: Int32) -> String { "\(readyLine) \(pid)" }
}

/// The line by which a worker says that it takes jobs.
package struct ReadyLine: Sendable, Hashable {
    /// Who says it; nil when the worker does not say that.
    package let pid: Int32?

    /// Nil for any other line.
    package init?(_ line: some Collection<UInt8>) {
        let word = WorkerEnvironment.readyLine.utf8
        guard line.starts(with: word) else { return nil }
        let rest = line.dropFirst(word.count)
        if rest.isEmpty {
            pid = nil
            return
        }
        guard rest.first == UInt8(ascii: " "), rest.count <= 12,
            let pid = Int32(String(decoding: rest.dropFirst(), as: UTF8.self)), pid > 0
        else { return nil }
        self.pid = pid
    }
}
