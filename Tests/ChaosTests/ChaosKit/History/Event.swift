// The history of a run: what every process of it saw, one JSON object a line, a file a process.
//
// Times are for people and for measuring; order is `seq` within a process. The monotonic clock is the machine's, so it
// can be compared between the processes of one machine, which a run never leaves. The wall clock may have been turned.

/// What a line of the history says.
package enum EventKind: String, Codable, Sendable, CaseIterable {
    /// A process began: `text` is its role, `pid` its number.
    case start
    /// The run's own description: seed, options and what the program under test can do.
    case setup
    /// A phase of the run begins: `text` names it.
    case phase
    case enqueueInvoke = "enq.invoke"
    case enqueueOK = "enq.ok"
    /// The queue answered that the key is known: `id` is the job that has it.
    case enqueueDuplicate = "enq.duplicate"
    /// Refused, and nothing was written.
    case enqueueFail = "enq.fail"
    /// The outcome is unknown; never treated as failed.
    case enqueueInfo = "enq.info"
    /// A handler begins with a job.
    case deliver
    /// A handler ends: `text` says how.
    case end
    /// The ledger refused an effect, as the worker heard it.
    case effectRefused = "effect.refused"
    /// A settle was refused, because another worker has the job.
    case settleLost = "settle.lost"
    /// A worker took over what another had.
    case reclaim
    /// A worker put the function library back.
    case libraryLoaded = "library.loaded"
    /// A worker noticed that its supervisor is gone.
    case lifeline
    case faultStart = "fault.start"
    case faultStop = "fault.stop"
    /// A fault could not be played; `text` says why.
    case faultSkipped = "fault.skipped"
    /// A supervisor started a worker, or saw one end, or gave a slot up for a while.
    case spawn, exit, parked
    /// Something measured: `text` is what, `n` the number.
    case probe
    /// No progress although work waited: `n` is for how many milliseconds.
    case stall
    /// A process that should be gone, or that nobody reaped, or that gathers descriptors.
    case orphan, zombie, descriptors
    /// A saga is given out: `text` is its plan, `job` its name; then its id, or that nobody knows whether it was taken.
    case sagaGiven = "saga.given"
    case sagaTaken = "saga.taken"
    case sagaUnknown = "saga.unknown"
    /// A run of a saga's handler begins; `text` is its phase.
    case sagaRun = "saga.run"
    /// A handler came by something: `text` is what, `target` the move, `n` a number.
    case sagaMark = "saga.mark"
    /// Something was done to a saga from outside: `target` is what, `text` the answer.
    case sagaErrand = "saga.errand"
    /// A token was answered: `target` is the token, `n` the answer, `text` what the queue said.
    case token = "saga.token"
    /// From the census: a saga's end as Redis remembers it, its steps, and what the journal tells of it, in order.
    case sagaRecord = "saga.record"
    case sagaStep = "saga.step"
    case sagaEvent = "saga.event"
    /// From the census of Redis: where a job is, how one ended by the journal, what does not fit together, a sum.
    case place = "census.place"
    case ended = "census.end"
    case censusFault = "census.fault"
    case count = "census.count"
}

/// A line of the history.
package struct Event: Codable, Sendable, Hashable {
    package var seq = 0
    package var monotonic: Int64 = 0
    package var wall: Int64 = 0
    package var process = ""
    package var kind: EventKind
    /// The name that the producer gave the job, in its payload; the same over everything that happens to it.
    package var job: String?
    /// The id that the queue gave it.
    package var id: String?
    /// What sort of job it is.
    package var type: String?
    package var key: String?
    package var attempt: Int?
    package var recoveries: Int?
    package var fence: Int64?
    /// SHA-256 of the payload, in hex.
    package var sha: String?
    /// When it may run, in milliseconds of Redis' clock.
    package var due: Int64?
    package var pid: Int32?
    /// What a fault is.
    package var fault: String?
    package var target: String?
    package var n: Int64?
    package var text: String?

    package init(_ kind: EventKind) {
        self.kind = kind
    }

    enum CodingKeys: String, CodingKey {
        case seq, kind, job, id, type, key, attempt, recoveries, fence, sha, pid, fault, target, n, text
        case monotonic = "mono_ns"
        case wall = "wall_ms"
        case process = "proc"
        case due = "due_ms"
    }
}

extension Event {
    /// An event with some of its facts set.
    package static func of(_ kind: EventKind, _ set: (inout Event) -> Void = { _ in }) -> Event {
        var event = Event(kind)
        set(&event)
        return event
    }
}
