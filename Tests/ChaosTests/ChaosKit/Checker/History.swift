// What the checker knows of a run, gathered in one pass over the files: a history a job, by the name that its producer
// gave it, and the spans of the faults. Files are merged by job and not by time.

/// A job's life, as all processes together saw it.
package struct JournalFacts: Sendable {
    /// A handler's run with the job.
    package struct Delivery: Sendable, Hashable {
        package var process: String
        package var at: Int64
        package var id: String
        package var attempt: Int
        package var recoveries: Int
        package var fence: Int64
        package var sha: String
        /// When and how the handler ended, as the worker said; nil when it died with it.
        package var endedAt: Int64?
        package var outcome: String?
    }

    package var name: String
    package var type = ""
    package var key: String?
    package var sha: String?
    package var attemptsMax: Int?
    package var wasAttempted = false
    package var invokedAt: Int64 = 0
    /// When the answer came.
    package var answeredAt: Int64 = 0
    /// The id that an acknowledged enqueue was given.
    package var id: String?
    package var due: Int64?
    /// The job that has the key, when the queue said so at once.
    package var duplicateOf: String?
    package var wasRefused = false
    package var isUnknown = false
    package var deliveries: [Delivery] = []
    package var effects: [LedgerRow] = []

    package init(name: String) {
        self.name = name
    }

    /// Whether its producer was told that the queue has it.
    package var isAcknowledged: Bool { id != nil }
    /// Every id under which the queue knew it.
    package var ids: Set<String> { Set(deliveries.map(\.id)).union(id.map { [$0] } ?? []) }
}

/// Something that was done to the run, and when.
package struct FaultSpan: Sendable, Hashable {
    package var fault: String
    package var target: String
    package var start: Int64
    /// Nil when nobody said that it ended.
    package var end: Int64?
    package var n: Int64
}

/// Where a job is, by the census.
package struct CensusPlace: Sendable, Hashable {
    /// `ready`, `running`, `held`, `dead`, or `passed`: in a stream, but behind the group's back.
    package var place: String
    /// For the dead the cause, for the running the owner.
    package var detail: String
    package var job: String?
    package var sha: String?
    package var recoveries: Int
}

/// All that is known of a run.
package struct History: Sendable {
    package var jobs: [String: JournalFacts] = [:]
    /// Which job an id is.
    package var names: [String: String] = [:]
    package var guarded: [GuardedRow] = []
    /// Sagas by their ids, and the plan of each name.
    package var sagas: [String: SagaFacts] = [:]
    package var plans: [String: SagaPlan] = [:]
    /// What the queue said to answers of tokens.
    package var answers: [String: [TokenAnswer]] = [:]
    package var faults: [FaultSpan] = []
    package var places: [String: [CensusPlace]] = [:]
    package var ends: [String: [String]] = [:]
    package var censusFaults: [String] = []
    package var counts: [String: Int] = [:]
    /// What else is counted, by the kind of event.
    package var events: [EventKind: Int] = [:]
    package var phases: [String: Int64] = [:]
    package var hygiene: [Event] = []
    package var stalls: [Event] = []
    package var skipped: [Event] = []
    /// Ends of workers, as their supervisors saw them.
    package var deaths: [(pid: Int32, at: Int64, how: String)] = []
    /// The worker of a process number.
    package var processes: [Int32: [(name: String, at: Int64)]] = [:]
    package var setup: [String: String] = [:]
    /// What the wall clock is ahead of the monotonic one, in ms.
    package var wallBase: Int64?
    package var tornLines = 0

    package init() {}

    /// Whether the run said that the program under test has something (`fences`, `keys`, `budgets`).
    package func has(_ feature: String) -> Bool {
        setup["features"]?.split(separator: ",").contains { $0 == feature } ?? true
    }

    /// The faults that were on at some time between two moments, widened by a second.
    package func faults(between first: Int64, and last: Int64) -> [FaultSpan] {
        faults.filter { ($0.end ?? .max) >= first - 1_000_000_000 && $0.start <= last + 1_000_000_000 }
    }

    /// The furthest that Redis' clock was turned forward between two moments, in ms.
    package func clockAhead(between first: Int64, and last: Int64) -> Int64 {
        let jumps = faults.filter {
            $0.fault == "redis-clock" && $0.start <= last && ($0.end ?? .max) >= first
        }
        // Turned for the whole time, it showed nothing else.
        if let whole = jumps.first(where: { $0.start <= first && ($0.end ?? .max) >= last }) { return whole.n }
        return max(0, jumps.map(\.n).max() ?? 0)
    }
}

// MARK: - One pass

extension History {
    /// Takes an event in.
    package mutating func apply(_ event: Event) {
        events[event.kind, default: 0] += 1
        switch event.kind {
        case .enqueueInvoke, .enqueueOK, .enqueueDuplicate, .enqueueFail, .enqueueInfo, .deliver, .end:
            applyToJob(event)
        case .setup:
            setup[event.target ?? ""] = event.text
            if wallBase == nil { wallBase = event.wall - event.monotonic / 1_000_000 }
        case .phase: phases[event.text ?? ""] = event.monotonic
        case .faultStart, .faultStop: applyFault(event)
        case .place, .ended, .censusFault, .count: applyCensus(event)
        case .sagaGiven, .sagaTaken, .sagaRun, .sagaMark, .token, .sagaRecord, .sagaStep, .sagaEvent, .sagaUnknown:
            applyToSaga(event)
        case .sagaErrand: break
        case .start:
            if let pid = event.pid { processes[pid, default: []].append((event.process, event.monotonic)) }
        case .exit:
            if let pid = event.pid { deaths.append((pid, event.monotonic, event.text ?? "")) }
        case .orphan, .zombie, .descriptors, .parked: hygiene.append(event)
        case .stall: stalls.append(event)
        case .faultSkipped: skipped.append(event)
        case .effectRefused, .settleLost, .reclaim, .libraryLoaded, .lifeline, .spawn, .probe: break
        }
    }

    /// Takes a row of the ledger in.
    package mutating func apply(_ row: LedgerRow) {
        jobs[row.job, default: JournalFacts(name: row.job)].effects.append(row)
    }

    private mutating func applyToJob(_ event: Event) {
        guard let name = event.job else { return }
        var job = jobs[name] ?? JournalFacts(name: name)
        switch event.kind {
        case .enqueueInvoke:
            job.wasAttempted = true
            (job.type, job.key, job.sha) = (event.type ?? "", event.key, event.sha)
            job.attemptsMax = event.attempt
            job.invokedAt = event.monotonic
        case .enqueueOK:
            (job.id, job.due, job.answeredAt) = (event.id, event.due, event.monotonic)
        case .enqueueDuplicate: job.duplicateOf = event.id
        case .enqueueFail: job.wasRefused = true
        case .enqueueInfo: job.isUnknown = true
        case .deliver:
            job.deliveries.append(
                JournalFacts.Delivery(
                    process: event.process,
                    at: event.monotonic,
                    id: event.id ?? "",
                    attempt: event.attempt ?? 0,
                    recoveries: event.recoveries ?? 0,
                    fence: event.fence ?? 0,
                    sha: event.sha ?? ""
                )
            )
        case .end:
            let index = job.deliveries.lastIndex { $0.process == event.process && $0.outcome == nil }
            if let index {
                (job.deliveries[index].endedAt, job.deliveries[index].outcome) = (event.monotonic, event.text)
            }
        default: break
        }
        if let id = event.id, event.kind != .enqueueDuplicate { names[id] = name }
        jobs[name] = job
    }

    private mutating func applyFault(_ event: Event) {
        let (fault, target) = (event.fault ?? "", event.target ?? "")
        if event.kind == .faultStart {
            faults.append(
                FaultSpan(
                    fault: fault,
                    target: target,
                    start: event.monotonic,
                    // A wish that a worker carries through its life; when it comes true, nobody is left to say so.
                    end: fault == FaultKind.crashPoint.rawValue ? event.monotonic : nil,
                    n: event.n ?? 0
                )
            )
        } else if let index = faults.lastIndex(where: { $0.fault == fault && $0.target == target && $0.end == nil }) {
            faults[index].end = event.monotonic
        }
    }

    private mutating func applyCensus(_ event: Event) {
        switch event.kind {
        case .place:
            places[event.id ?? "", default: []].append(
                CensusPlace(
                    place: event.text ?? "",
                    detail: event.target ?? "",
                    job: event.job,
                    sha: event.sha,
                    recoveries: event.recoveries ?? 0
                )
            )
        case .ended: ends[event.id ?? "", default: []].append(event.text ?? "")
        case .censusFault: censusFaults.append(event.text ?? "")
        default: counts[event.text ?? "", default: 0] += Int(event.n ?? 0)
        }
    }
}
