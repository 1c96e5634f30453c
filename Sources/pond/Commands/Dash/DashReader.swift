import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSQLite

/// Reads what a screen needs beside the look: at most 22 commands each time, and never a walk through keys or jobs.
struct DashReader: Sendable {
    /// How much is read at a time; of more queues and workers some have their turn each time.
    private static let (runningQueues, runningWorkers) = (8, 64)
    private static let (journalQueues, journalEntries) = (12, 30)
    private static let (groupQueues, groupParts) = (12, 10)
    private static let (sagaQueues, sagaRows) = (2, 50)
    private static let limitQueues = 12
    /// How much is kept for the screen.
    static let (runningMax, eventsMax, groupsMax, newestMax) = (200, 100, 500, 5)
    static let sagasMax = 200
    /// What costs much is read this much more rarely than it takes.
    private static let restFactor = 20
    /// How long a list of jobs stays as it is: it takes more reads than one job.
    private static let listPause = Duration.seconds(5)

    let pond: Pond
    /// Where the history is; nil when nothing says so.
    let historyPath: String?
    private let clock: LocalClock

    private var workerTurns = DashTurns()
    private var journalTurns = DashTurns()
    private var groupTurns = DashTurns()
    private var sagaTurns = DashTurns()
    private var running: [String: [RunningJob]] = [:]
    private var events: [String: [TailEvent]] = [:]
    private var groups: [String: [DeadGroup]] = [:]
    private var sagas: [String: [DashSaga]] = [:]
    private var groupsDue: LocalInstant?
    private var asked = Asked()

    /// What was asked for last.
    private struct Asked: Sendable {
        var text = ""
        var round = 0
        /// Its queue and id, when it is one job.
        var address: (queue: String, id: JobID)?
        /// When to ask again; nil for not of itself.
        var due: LocalInstant?
    }

    init(_ pond: Pond, historyPath: String?, clock: LocalClock = .system) {
        (self.pond, self.historyPath, self.clock) = (pond, historyPath, clock)
    }

    /// Reads what is asked for; nil when there is nothing to read, or it is not time to read it again.
    mutating func read(_ request: DashRequest) async -> DashNews? {
        do {
            switch request.subject {
            case .nothing: return nil
            case .jobs: return .jobs(try await jobs(request.queues))
            case .why(let text):
                return try await why(text, request.round).map { .answer(asked: text, $0) }
            case .dead: return try await dead(request.queues).map { .dead($0) }
            case .limits: return .limits(try await limits(request.queues))
            case .group(let id): return .group(try await group(id, request.queues))
            }
        } catch is CancellationError {
            return nil
        } catch let error as WhyError {
            return .failed(request.subject, error.text)
        } catch {
            return .failed(request.subject, CommandFailure(describing: error).message)
        }
    }

    // MARK: What runs, and what just happened

    private mutating func jobs(_ queues: [QueueSample]) async throws -> DashJobs {
        try await readRunning(queues)
        try await readEvents(queues)
        try await readSagas(queues)
        let all = running.values.flatMap { $0 }.sorted { ($1.run, $0.id.text) < ($0.run, $1.id.text) }
        let newest = events.values.flatMap { $0.reversed() }.sorted { ($1.time, $1.entry) < ($0.time, $0.entry) }
        return DashJobs(
            running: Array(all.prefix(Self.runningMax)),
            told: all.count,
            inFlight: queues.reduce(0) { $0 + $1.inFlight },
            events: Array(newest.prefix(Self.eventsMax)),
            sagas: Array(DashSaga.sorted(sagas.values.flatMap { $0 }).prefix(Self.sagasMax))
        )
    }

    /// Whoever has none is asked as well, for nobody else knows; it costs Redis nothing then.
    private mutating func readSagas(_ queues: [QueueSample]) async throws {
        let times = Dictionary(queues.map { ($0.name, $0.time) }) { first, _ in first }
        for name in sagaTurns.next(queues.map(\.name), most: Self.sagaQueues) {
            guard let now = times[name] ?? nil else { continue }
            sagas[name] = try await pond.queue(name).openSagas(atMost: Self.sagaRows)
                .map { DashSaga($0, of: name, at: now) }
        }
        sagas = sagas.filter { times[$0.key] != nil }
    }

    private mutating func readRunning(_ queues: [QueueSample]) async throws {
        // What a worker without a report runs is not known, so it is asked too.
        let places = queues.flatMap { queue in
            queue.workers.filter { ($0.running ?? 1) > 0 }.map { ("\(queue.name)/\($0.name)", queue.name, $0.name) }
        }
        let known = Dictionary(places.map { ($0.0, ($0.1, $0.2)) }) { first, _ in first }
        running = running.filter { known[$0.key] != nil }
        var wanted: [String: [String]] = [:]
        var taken: [String] = []
        for place in workerTurns.order(Array(known.keys)) where taken.count < Self.runningWorkers {
            guard let (queue, worker) = known[place] else { continue }
            guard wanted[queue] != nil || wanted.count < Self.runningQueues else { continue }
            wanted[queue, default: []].append(worker)
            taken.append(place)
        }
        workerTurns.take(taken, of: Array(known.keys))
        let found = try await RunningJob.read(try wanted.map { (try pond.queue($0.key), $0.value) }, on: pond)
        for (queue, workers) in found {
            for (worker, jobs) in workers { running["\(queue)/\(worker)"] = jobs }
        }
    }

    private mutating func readEvents(_ queues: [QueueSample]) async throws {
        let names = queues.map(\.name)
        let turn = journalTurns.next(names, most: Self.journalQueues)
        let found = try await JournalTail.glance(
            try turn.map { try pond.queue($0) },
            entries: Self.journalEntries,
            on: pond
        )
        for (name, news) in found {
            let known = events[name] ?? []
            // The list of what runs says how far it is.
            let fresh = news.filter { $0.event.what != .progress && Self.isLater($0, than: known.last) }
            events[name] = Array((known + fresh).suffix(Self.eventsMax))
        }
        let shown = Set(names)
        events = events.filter { shown.contains($0.key) }
    }

    /// Whether an event's entry stands behind another's in the journal.
    private static func isLater(_ event: TailEvent, than last: TailEvent?) -> Bool {
        guard let last else { return true }
        func sequence(_ event: TailEvent) -> UInt64 {
            event.entry.split(separator: "-").last.flatMap { UInt64($0) } ?? 0
        }
        return (event.time, sequence(event)) > (last.time, sequence(last))
    }

    // MARK: Where a job is

    private mutating func why(_ text: String, _ round: Int) async throws -> DashAnswer? {
        if text == asked.text, round == asked.round {
            guard let due = asked.due, clock.now() >= due else { return nil }
        } else {
            asked = Asked(text: text, round: round)
        }
        let address = asked.address
        // Also what could not be read is not asked for again and again.
        asked.due = clock.now().advanced(by: Self.listPause)
        let answer = try await withHistory { history, reason in
            try await DashSearch(pond: pond, history: history, reason: reason).answer(text, at: address)
        }
        switch answer {
        case .job(let report) where report.reason == .unknown: (asked.address, asked.due) = (nil, nil)
        case .job(let report):
            asked.address = report.queue.map { ($0, report.id) }
            asked.due = clock.now()
        case .jobs, .intent: break
        }
        return answer
    }

    /// Runs `body` with the history, or without one when there is none that can be read.
    private func withHistory(_ body: (HistoryStore?, String) async throws -> DashAnswer) async throws -> DashAnswer {
        guard let historyPath else { return try await body(nil, "nothing says where the history is") }
        do {
            return try await HistoryFile.withStoreIfAny(at: historyPath, body)
        } catch let error as SQLiteError {
            return try await body(nil, "the history at \(historyPath) cannot be read (\(error))")
        }
    }

    // MARK: Limits

    /// One call for the limits, and one for each of the queues that have the most held back.
    private func limits(_ queues: [QueueSample]) async throws -> LimitListing {
        let limited = queues.filter { $0.limited > 0 }.sorted { $0.limited > $1.limited }.prefix(Self.limitQueues)
        return try await LimitReader(pond).listing(of: limited.map { try pond.queue($0.name) })
    }

    // MARK: The dead

    private mutating func dead(_ queues: [QueueSample]) async throws -> DashDead? {
        let names = queues.filter { $0.dead > 0 }.map(\.name)
        let began = clock.now()
        if let groupsDue, began < groupsDue { return nil }
        for name in groupTurns.next(names, most: Self.groupQueues) {
            groups[name] = try await pond.queue(name).groups()
        }
        // A queue with hundreds of groups takes Redis some milliseconds.
        groupsDue = clock.now().advanced(by: began.duration(to: clock.now()) * Self.restFactor)
        let shown = Set(names)
        groups = groups.filter { shown.contains($0.key) }
        let sums = try DeadGroupSum.of(groups.map { (try QueueName($0.key), $0.value) }).filter { $0.count > 0 }
        return DashDead(groups: Array(sums.prefix(Self.groupsMax)), unread: names.count { groups[$0] == nil })
    }

    private mutating func group(_ id: GroupID, _ queues: [QueueSample]) async throws -> DashGroup {
        let known = groups.compactMap { name, groups in groups.first { $0.id == id }.map { (name, $0.count) } }
        let names = known.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(Self.groupParts).map(\.0)
        var detail = DashGroup(sum: DeadGroupSum(id: id, parts: []))
        for name in names {
            let queue = try pond.queue(name)
            guard let group = try await queue.group(id), group.count > 0 else { continue }
            detail.sum.parts.append((queue.name, group))
            // More may have died meanwhile, so twice as many are asked for.
            let first = max(0, group.count - Self.newestMax)
            let page = try await queue.groupIDs(of: id, from: first, limit: 2 * Self.newestMax)
            detail.newest += page.jobs.map { DashGroup.Job(queue: name, id: $0.id, diedAt: $0.diedAt) }
        }
        detail.newest.sort { ($1.diedAt, $0.address) < ($0.diedAt, $1.address) }
        detail.newest = Array(detail.newest.prefix(Self.newestMax))
        return detail
    }
}

/// Finds what a person typed: the same answers as `pond why`, and the jobs of a correlation id as `pond corr` has them.
struct DashSearch {
    let pond: Pond
    let history: HistoryStore?
    /// Why there is no history.
    let reason: String

    /// So many jobs of a correlation id are looked up in Redis, with two commands each.
    private static let looksMax = 10

    /// What is known of it.
    ///
    /// - Parameter address: where it was found before.
    func answer(_ text: String, at address: (queue: String, id: JobID)? = nil) async throws -> DashAnswer {
        let reader = WhyReader(pond, history: history, orWhy: reason)
        if let address {
            return Self.answer(try await reader.answer(address.id.text, queue: address.queue))
        }
        // What does not look like a job's id needs no look into each queue, when the history knows it.
        if !DeadSelection.isJobID(text), let history {
            let jobs = try await history.jobs(correlatedBy: text, limit: 2)
            if jobs.count > 1 { return .intent(try await intent(text)) }
            if let job = jobs.first {
                return Self.answer(try await reader.answer(job.id.text, queue: job.queue))
            }
        }
        let answer = try await reader.answer(text, correlated: 1)
        if answer.isCorrelation, answer.total > 1 { return .intent(try await intent(text)) }
        return Self.answer(answer)
    }

    private static func answer(_ answer: WhyAnswer) -> DashAnswer {
        answer.jobs.count == 1 ? .job(answer.jobs[0]) : .jobs(answer.jobs)
    }

    private func intent(_ text: String) async throws -> IntentReader.Answer {
        try await IntentReader(pond, history: history, orWhy: reason).answer(text, looks: Self.looksMax)
    }
}
