import PondCore
import PondFleet
package import PondQueue
package import PondSQLite
import PondSaga
import PondScaling

/// Reads what decides why a job is where it is, and has it judged; a few commands, however full the queues are.
package struct WhyReader: Sendable {
    /// So many queues are asked for an id that comes without one.
    private static let queuesMax = 40
    /// So many jobs of a correlation id are judged; of others it is said how many there are.
    package static let jobsMax = 15
    private static let fleetsMax = 2
    /// Of so many things that a saga waits for at once it is said how far they are.
    private static let joinsMax = 3
    /// So many children of a fan-out that have not ended are judged.
    private static let childrenMax = 3
    /// How far the keys are walked through for a queue that is in no list; each round looks at a thousand.
    private static let strayRounds = 20

    private let pond: Pond
    private let history: HistoryStore?
    private let historyIsMissing: String
    /// What is wrong with the history that there is.
    private let doubt: String?

    /// - Parameters:
    ///   - history: tells of jobs that have ended and of correlation ids; nil answers from Redis alone.
    ///   - reason: why there is no history, for the answer.
    ///   - doubt: what is wrong with the history that there is, for the answer. Defaults to that it is behind.
    package init(
        _ pond: Pond,
        history: HistoryStore?,
        orWhy reason: String = "there is no history",
        doubt: String? = nil
    ) {
        self.pond = pond
        self.history = history
        historyIsMissing = reason
        self.doubt = doubt
    }

    /// What is known of an id.
    ///
    /// - Parameters:
    ///   - text: a job's id, `QUEUE/ID`, or a correlation id.
    ///   - queue: the queue, when it is known.
    ///   - limit: how many jobs of a correlation id are judged, the newest. Defaults to `jobsMax`.
    package func answer(
        _ text: String,
        queue: String? = nil,
        correlated limit: Int = WhyReader.jobsMax
    ) async throws -> WhyAnswer {
        let (named, id) = Self.address(text, queue)
        let found = try await jobs(id, in: named)
        if !found.isEmpty { return WhyAnswer(asked: text, isCorrelation: false, jobs: found, total: found.count) }
        if let history, queue == nil {
            // Newest last, as the history heard of them: the newest are what people ask about.
            let all = try await history.jobs(correlatedBy: text)
            if !all.isEmpty {
                let reports = try await each(all.suffix(limit)) { job in
                    try await self.jobs(job.id, in: job.queue)
                }
                return WhyAnswer(asked: text, isCorrelation: true, jobs: reports.flatMap { $0 }, total: all.count)
            }
        }
        if named == nil {
            let stray = try await jobsNobodyServes(id)
            if !stray.isEmpty { return WhyAnswer(asked: text, isCorrelation: false, jobs: stray, total: stray.count) }
        }
        return WhyAnswer(asked: text, isCorrelation: false, jobs: [try await nobody(id, named)], total: 0)
    }

    /// `QUEUE/ID` taken apart; a correlation id may have a slash of its own.
    static func address(_ text: String, _ queue: String?) -> (queue: String?, id: JobID) {
        if queue == nil, let slash = text.firstIndex(of: "/") {
            let name = String(text[..<slash])
            // What is no queue's name begins a correlation id.
            if (try? QueueName(name)) != nil { return (name, JobID(String(text[text.index(after: slash)...]))) }
        }
        return (queue, JobID(text))
    }

    // MARK: Jobs by id

    private func jobs(_ id: JobID, in queue: String?) async throws -> [WhyReport] {
        let jobHistories = try await history?.jobHistories(of: id, in: queue) ?? []
        let (names, unseen) = try await candidates(queue, jobHistories)
        let found = try await reports(of: id, in: names, jobHistories, unseen + missing)
        return try await completed(found, of: id, in: names, jobHistories, unseen)
    }

    /// The same with what the journals tell of a job that Redis no longer has and whose end the history has not heard of:
    /// it ended just now, or the history is that of another Redis.
    private func completed(
        _ found: [WhyReport],
        of id: JobID,
        in names: [String],
        _ jobHistories: [JobHistory],
        _ unseen: [String]
    ) async throws -> [WhyReport] {
        let unended = Set(jobHistories.filter { !$0.hasEnded }.map(\.job.queue))
        let lost = found.filter { $0.reason == .lostPayload }.compactMap(\.queue).filter(unended.contains)
        guard found.isEmpty || !lost.isEmpty else { return found }
        var told = try await JournalHistory(pond: pond).read(id, in: found.isEmpty ? names : lost)
        // Of what the history knows in part, only the end is news.
        if !found.isEmpty { told.removeAll { !$0.hasEnded } }
        guard !told.isEmpty else { return found }
        let queues = told.map(\.job.queue)
        let why = history == nil ? historyIsMissing : doubt ?? "the history has not read so far"
        let note = "\(why): all of this is from the journal in Redis"
        let late = try await reports(of: id, in: queues, told, unseen + [note])
        return found.filter { report in !queues.contains { $0 == report.queue } } + late
    }

    /// The job in a queue that no worker and no producer of the library has ever used; that takes a walk through the keys.
    private func jobsNobodyServes(_ id: JobID) async throws -> [WhyReport] {
        guard id.text.first?.isWholeNumber == true else { return [] }
        let keys = try await StrayKeys.readIfAllowed(pond, rounds: Self.strayRounds)
        return try await reports(
            of: id,
            in: keys.queues.prefix(Self.queuesMax).map(\.text),
            [],
            missing,
            areListed: false
        )
    }

    /// What cannot be known without a history.
    private var missing: [String] {
        history == nil ? ["\(historyIsMissing): ended jobs and correlation ids are not known"] : []
    }

    /// What is to be said of the job in those of the queues that know it.
    private func reports(
        of id: JobID,
        in names: [String],
        _ jobHistories: [JobHistory],
        _ unseen: [String],
        areListed: Bool = true
    ) async throws -> [WhyReport] {
        let situations = try await each(names) { name in
            (name, try await pond.queue(name).situation(of: id))
        }
        var reports: [WhyReport] = []
        for (name, situation) in situations {
            let jobHistory = jobHistories.first { $0.job.queue == name }
            // Of a queue that was named Redis is asked for a saga's memory, too; in all queues that would be a call each.
            guard situation.report.state != .unknown || jobHistory != nil || names.count == 1 else { continue }
            var snapshot = JobSnapshot(queue: name, situation: situation)
            (snapshot.jobHistory, snapshot.unseen, snapshot.isListed) = (jobHistory, unseen, areListed)
            snapshot.hasHistory = history != nil && doubt == nil
            let whole = try await complete(snapshot)
            if situation.report.state == .unknown, jobHistory == nil, whole.saga == nil { continue }
            reports.append(WhyReport(whole))
        }
        return reports
    }

    /// The queues that may have the job.
    private func candidates(_ queue: String?, _ jobHistories: [JobHistory]) async throws -> ([String], [String]) {
        if let queue { return ([queue], []) }
        if !jobHistories.isEmpty { return (jobHistories.map(\.job.queue), []) }
        let names = try await pond.queues().map(\.text)
        let rest = names.count - Self.queuesMax
        guard rest > 0 else { return (names, []) }
        let unseen = "\(rest) of \(names.count) queues were not looked at: give the id as QUEUE/ID"
        return (Array(names.prefix(Self.queuesMax)), [unseen])
    }

    /// Reads what the diagnosis of such a job needs beside its place.
    ///
    /// - Parameter looksAtChildren: whether those are judged that it waits for; not theirs again.
    private func complete(_ snapshot: JobSnapshot, looksAtChildren: Bool = true) async throws -> JobSnapshot {
        var snapshot = snapshot
        let report = snapshot.situation.report
        let queue = try pond.queue(snapshot.queue)
        switch report.state {
        case .ready: snapshot.workers = try await WorkerSnapshot.all(of: queue)
        case .held, .running, .waiting, .limited: snapshot.workers = try await WorkerSnapshot.beating(in: queue)
        case .dead:
            try await completeSaga(&snapshot, in: queue)
            if let parent = report.field(WireField.parent.rawValue),
                let step = report.field(WireField.parentStep.rawValue),
                report.field(WireField.phase.rawValue) == nil
            {
                snapshot.orphaned = try await queue.endOfParent(JobID(parent), waitingIn: step)
            }
            return snapshot
        case .unknown:
            // Of a saga that has ended Redis still knows why, for a while.
            snapshot.saga = try await queue.sagaDetail(report.id, withResults: false)
            return snapshot
        }
        snapshot.noWrites = try await pond.server.writeRefusal()
        if report.state == .ready || (report.state == .held && snapshot.workerCount == 0) {
            snapshot.decision = try await decision(about: snapshot.queue)
        }
        if let hold = snapshot.situation.limit {
            snapshot.limit = try await LimitReader.limit(hold.name, of: queue, on: pond)
        }
        try await completeSaga(&snapshot, in: queue)
        if looksAtChildren, report.state == .waiting { snapshot.children = try await children(of: snapshot, in: queue) }
        if report.state == .running, let history, let kind = snapshot.kind {
            snapshot.runTimes = try await history.runTimes(of: kind, in: snapshot.queue)
        }
        return snapshot
    }

    /// Reads what is remembered of a job that is a saga, and how far what it waits for is.
    private func completeSaga(_ snapshot: inout JobSnapshot, in queue: Queue) async throws {
        let report = snapshot.situation.report
        switch report.state {
        case .unknown: return
        // One that has gone on from a wait or a failure says so itself.
        case .ready, .held: if report.field(WireField.saga.rawValue) == nil { return }
        case .limited: if report.field(WireField.saga.rawValue) == nil { return }
        case .running, .waiting, .dead: break
        }
        snapshot.saga = try await queue.sagaDetail(report.id, withResults: false)
        for step in snapshot.openWaits.prefix(Self.joinsMax) where step.kind == .children {
            snapshot.joins[step.name] = try await queue.join(of: step.name, in: report.id)
        }
    }

    /// Some of the children that a saga waits for, the one first that needs somebody most.
    private func children(of snapshot: JobSnapshot, in queue: Queue) async throws -> [WhyReport] {
        guard let step = snapshot.openWaits.first(where: { $0.kind == .children }) else { return [] }
        let id = snapshot.situation.report.id
        let open = try await queue.openChildren(of: step.name, in: id, atMost: Self.childrenMax)
        let reports = try await each(open) { child in
            let situation = try await queue.situation(of: child)
            return WhyReport(
                try await complete(JobSnapshot(queue: snapshot.queue, situation: situation), looksAtChildren: false)
            )
        }
        return reports.filter { $0.state != .unknown }.sorted { $0.reason.urgency < $1.reason.urgency }
    }

    /// The last decision about the size of a queue's fleet.
    private func decision(about queue: String) async throws -> ScalingDecision? {
        for name in try await pond.fleets().prefix(Self.fleetsMax) {
            if let decision = try await pond.fleet(name).view().plan?.decisions[queue] { return decision }
        }
        return nil
    }

    // MARK: Nobody

    private func nobody(_ id: JobID, _ queue: String?) async throws -> WhyReport {
        let (names, unseen) = try await candidates(queue, [])
        guard let name = queue ?? names.first else {
            throw WhyError(text: "no queue is known, so there is no job \(id)")
        }
        var snapshot = JobSnapshot(queue: name, situation: try await pond.queue(name).situation(of: id))
        (snapshot.unseen, snapshot.hasHistory) = (unseen + missing + (doubt.map { [$0] } ?? []), history != nil)
        var report = WhyReport(snapshot)
        report.queue = queue
        return report
    }

    /// Does the same for each, all at once: their commands share round trips.
    private func each<Item: Sendable, Result: Sendable>(
        _ items: some Collection<Item>,
        _ body: @escaping @Sendable (Item) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            for (index, item) in items.enumerated() { group.addTask { (index, try await body(item)) } }
            var results: [(Int, Result)] = []
            for try await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

/// What is known of an id.
package struct WhyAnswer: Sendable, Hashable, Codable {
    /// What was asked.
    package var asked: String
    /// Whether it is the id of an intent, not of a job.
    package var isCorrelation: Bool
    /// The jobs: one mostly; of a correlation id the newest.
    package var jobs: [WhyReport]
    /// How many jobs there are.
    package var total: Int

    private enum CodingKeys: String, CodingKey {
        case asked, total, jobs
        case isCorrelation = "is_correlation"
    }

    /// - Parameter total: how many jobs there are, of which `jobs` may be a part.
    package init(asked: String, isCorrelation: Bool, jobs: [WhyReport], total: Int) {
        (self.asked, self.isCorrelation) = (asked, isCorrelation)
        (self.jobs, self.total) = (jobs, total)
    }
}

/// Why an id cannot be looked for.
package struct WhyError: Error, Sendable, CustomStringConvertible {
    /// What is missing.
    package var text: String
    package var description: String { text }
}
