import PondCore
import PondInsight
import PondQueue

/// What a person asked for, and what is known of it.
struct DashStop: Sendable {
    /// An id, `QUEUE/ID` or a correlation id.
    let asked: String
    /// Nil before it came.
    var answer: DashAnswer?
    /// Why none came.
    var failure: String?
    /// The row under the cursor, or the first that is shown of a text.
    var row = 0

    init(_ asked: String) {
        self.asked = asked
    }

    /// The addresses of the jobs to choose from; nil when it is one job, or not known yet.
    var choices: [String]? {
        switch answer {
        case .jobs(let reports): reports.map(\.address)
        case .intent(let intent): intent.tree.rows.map { "\($0.job.queue)/\($0.job.id)" }
        case .job, nil: nil
        }
    }
}

/// A row of the screen of jobs.
enum DashJobRow: Sendable, Hashable {
    case running(RunningJob)
    case saga(DashSaga)
    case event(TailEvent)

    /// What it is about, the same after it was read again.
    var key: String {
        switch self {
        case .running(let job): "running \(job.queue)/\(job.id)"
        case .saga(let saga): "saga \(saga.address)"
        case .event(let event): "\(event.event.what.rawValue) \(event.entry) \(event.queue)/\(event.event.job)"
        }
    }

    var address: String {
        switch self {
        case .running(let job): "\(job.queue)/\(job.id)"
        case .saga(let saga): saga.address
        case .event(let event): "\(event.queue)/\(event.event.job)"
        }
    }
}

/// In which order root causes stand.
enum DashDeadSort: String, Sendable {
    case dead, last
}

extension DashModel {
    /// What the screen needs read beside the look.
    var request: DashRequest {
        var request = DashRequest(round: round)
        switch screen {
        case .overview, .queue, .workers, .scaling: return request
        case .limits: request.subject = .limits
        case .jobs: request.subject = trail.last.map { .why($0.asked) } ?? .jobs
        case .dead: request.subject = group.map { .group($0) } ?? .dead
        }
        request.queues = queues.filter { $0.fault == nil }
        return request
    }

    mutating func take(_ news: DashNews) {
        failure = nil
        switch news {
        case .jobs(let jobs): self.jobs = jobs
        case .answer(let asked, let answer):
            for index in trail.indices where trail[index].asked == asked {
                (trail[index].answer, trail[index].failure) = (answer, nil)
            }
        case .dead(let dead): self.dead = dead
        case .limits(let limits): self.limits = limits
        case .group(let detail): if detail.sum.id == group { groupDetail = detail }
        case .failed(.why(let asked), let reason):
            for index in trail.indices where trail[index].asked == asked { trail[index].failure = reason }
        case .failed(let subject, let reason): if subject == request.subject { failure = reason }
        }
    }

    // MARK: Jobs

    var jobRows: [DashJobRow] {
        guard let jobs else { return [] }
        return jobs.running.map { .running($0) } + jobs.sagas.map { .saga($0) } + jobs.events.map { .event($0) }
    }

    /// Where the cursor is among the jobs.
    var jobIndex: Int {
        let rows = jobRows
        return rows.firstIndex { $0.key == chosenJob } ?? min(row, max(rows.count - 1, 0))
    }

    /// Asks where a job is, and why.
    mutating func ask(for text: String) {
        var text = text.drop { $0.isWhitespace }.prefix { !$0.isNewline }
        while text.last?.isWhitespace == true { text.removeLast() }
        guard !text.isEmpty else { return }
        if screen != .jobs { show(.jobs) }
        trail.append(DashStop(String(text)))
        // Nobody goes back so far.
        if trail.count > Self.trailMax { trail.removeFirst() }
    }

    private static let trailMax = 50

    mutating func openJob() {
        guard let stop = trail.last else {
            let rows = jobRows
            if rows.indices.contains(jobIndex) { ask(for: rows[jobIndex].address) }
            return
        }
        guard let choices = stop.choices, choices.indices.contains(stop.row) else { return }
        ask(for: choices[stop.row])
    }

    mutating func moveJob(by rows: Int) {
        guard let index = trail.indices.last else {
            let all = jobRows
            guard !all.isEmpty else { return }
            row = min(max(jobIndex + rows, 0), all.count - 1)
            chosenJob = all[row].key
            return
        }
        let last = trail[index].choices.map { $0.count - 1 } ?? scrollMax(of: trail[index])
        trail[index].row = min(max(trail[index].row + rows, 0), max(last, 0))
    }

    /// How far a job's text can be moved.
    private func scrollMax(of stop: DashStop) -> Int {
        guard case .job(let report) = stop.answer else { return 0 }
        return DashWhy.lines(report, width: pageColumns).count - max(1, pageRows)
    }

    /// The job that is shown, or under the cursor, with where it is as far as that is known.
    private var chosenAddress: (job: DashJobAddress, state: WhyState?)? {
        guard let stop = trail.last else {
            let rows = jobRows
            guard rows.indices.contains(jobIndex) else { return nil }
            switch rows[jobIndex] {
            case .running(let job): return (DashJobAddress(queue: job.queue, id: job.id), .running)
            case .saga(let saga): return (DashJobAddress(queue: saga.queue, id: saga.saga.id), nil)
            case .event(let event): return (DashJobAddress(queue: event.queue.text, id: event.event.job), nil)
            }
        }
        guard case .job(let report) = stop.answer, let queue = report.queue else { return nil }
        return (DashJobAddress(queue: queue, id: report.id), report.state)
    }

    mutating func askToCancel() {
        guard let (job, state) = chosenAddress else { return }
        if let state, ![.waiting, .held, .running].contains(state) {
            complaint = "\(job) is \(state.rawValue): there is nothing to cancel"
        } else {
            mode = .asking(.cancel(job))
        }
    }

    mutating func askToRetry() {
        guard let (job, state) = chosenAddress else { return }
        if let state, state != .dead {
            complaint = "\(job) is \(state.rawValue): only a dead job is sent back"
        } else {
            mode = .asking(.retry(job))
        }
    }

    // MARK: Dead

    var groups: [DeadGroupSum] {
        let all = dead?.groups ?? []
        guard deadSort == .last else { return all }
        func last(_ group: DeadGroupSum) -> Int64 { group.latest?.last.milliseconds ?? 0 }
        return all.sorted { (last($1), $0.id) < (last($0), $1.id) }
    }

    /// Where the cursor is among the root causes.
    var groupIndex: Int {
        let groups = groups
        return groups.firstIndex { $0.id == chosenGroup } ?? min(row, max(groups.count - 1, 0))
    }

    mutating func openGroup() {
        if group == nil {
            let groups = groups
            guard groups.indices.contains(groupIndex) else { return }
            chosenGroup = groups[groupIndex].id
            (group, row) = (chosenGroup, 0)
            groupDetail = DashGroup(sum: groups[groupIndex])
        } else if let jobs = groupDetail?.newest, jobs.indices.contains(row) {
            let (opened, detail, place) = (group, groupDetail, row)
            ask(for: jobs[row].address)
            // Kept, to come back to.
            (group, groupDetail, row, returnsToGroup) = (opened, detail, place, true)
        }
    }

    mutating func moveGroup(by rows: Int) {
        if group != nil {
            row = min(max(row + rows, 0), max((groupDetail?.newest.count ?? 0) - 1, 0))
            return
        }
        let groups = groups
        guard !groups.isEmpty else { return }
        row = min(max(groupIndex + rows, 0), groups.count - 1)
        chosenGroup = groups[row].id
    }

    /// One step back on a screen of jobs or the dead; false when it is the screen itself that is left.
    mutating func goBack() -> Bool {
        if screen == .jobs, !trail.isEmpty {
            trail.removeLast()
            if trail.isEmpty, returnsToGroup { (screen, returnsToGroup) = (.dead, false) }
            return true
        }
        if screen == .dead, group != nil {
            (group, groupDetail) = (nil, nil)
            return true
        }
        return false
    }
}
