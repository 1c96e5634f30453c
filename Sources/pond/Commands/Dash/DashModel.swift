// What the dashboard knows and what it shows, as a value: looks and keys in, an action out. It draws nothing and reads
// nothing, so that every key can be tried without a terminal.

import PondCore
import PondInsight
import PondQueue

/// What a key asks of the outside.
enum DashAction: Hashable, Sendable {
    case quit
    /// Ctrl-C.
    case interrupt
    /// Draw everything anew.
    case redraw
    /// Look at once.
    case refresh
    case pause(queue: String)
    case resume(queue: String)
    case cancel(DashJobAddress)
    /// Send a dead job back.
    case retry(DashJobAddress)

    /// What a person is asked before it is done; nil for what needs no yes.
    var question: String? {
        switch self {
        case .pause(let queue): "Pause queue \(queue)?"
        case .resume(let queue): "Resume queue \(queue)?"
        case .cancel(let job): "Cancel job \(job)?"
        case .retry(let job): "Send the dead job \(job) back?"
        case .quit, .interrupt, .redraw, .refresh: nil
        }
    }
}

/// A job and the queue that it is in.
struct DashJobAddress: Hashable, Sendable, CustomStringConvertible {
    let queue: String
    let id: JobID

    var description: String { "\(queue)/\(id)" }
}

/// The state of the dashboard.
struct DashModel: Sendable {
    enum Screen: Hashable, Sendable {
        case overview, queue, workers, jobs, dead, limits, scaling
    }

    enum Sort: String, CaseIterable, Sendable {
        case name, ready, oldest, rate, workers

        var next: Sort {
            let all = Self.allCases
            return all[((all.firstIndex(of: self) ?? 0) + 1) % all.count]
        }
    }

    /// What keys mean just now.
    enum Mode: Hashable, Sendable {
        case normal, help
        case filter(String)
        /// An id is typed.
        case search(String)
        case palette(String)
        /// Whether to do it.
        case asking(DashAction)
    }

    /// Why the picture is old.
    struct Outage: Hashable, Sendable {
        var since: LocalInstant
        var reason: String
    }

    /// The longest filter and the longest command, in characters.
    static let inputMax = 80
    /// How long a message stays.
    private static let messageDuration = Duration.seconds(6)

    /// The last look; nil before the first.
    private(set) var look: DashLook?
    private(set) var outage: Outage?
    var screen = Screen.overview
    var mode = Mode.normal
    var sort = Sort.name
    var filter = ""
    /// The queue under the cursor, by name, so that it stays when the order changes.
    var chosen: String?
    /// The row under the cursor of the other screens.
    var row = 0
    /// How many rows a page has, as the last drawing saw it.
    var pageRows = 10
    /// How many columns a line has, as the last drawing saw it.
    var pageColumns = 80
    /// What is wrong with what was typed; the next key takes it away.
    var complaint: String?
    /// What runs and what just happened; nil before it was read.
    var jobs: DashJobs?
    /// What was asked for, one behind the other; the last is shown.
    var trail: [DashStop] = []
    /// The row under the cursor of the jobs, by what it is about.
    var chosenJob: String?
    /// Whether Esc leads from a job to the group of the dead that it was opened from.
    var returnsToGroup = false
    /// The dead by root cause; nil before they were read.
    var dead: DashDead?
    var deadSort = DashDeadSort.dead
    /// The root cause under the cursor.
    var chosenGroup: GroupID?
    /// The root cause that is open; nil for the list of all.
    var group: GroupID?
    var groupDetail: DashGroup?
    /// The limits; nil before they were read.
    var limits: LimitListing?
    /// Why the screen's own part could not be read.
    var failure: String?
    /// Counts how often somebody wanted all to be read again.
    var round = 0
    private var histories: [String: QueueHistory] = [:]
    private var message: (text: String, until: LocalInstant)?
    private var lookedAt: LocalInstant?
}

// MARK: - What comes from Redis

extension DashModel {
    /// Without an answer for this long the picture counts as old.
    static let patience = Duration.seconds(3)

    mutating func take(_ look: DashLook, at now: LocalInstant) {
        for queue in look.queues { histories[queue.name, default: QueueHistory()].take(queue) }
        let names = Set(look.queues.map(\.name))
        histories = histories.filter { names.contains($0.key) }
        (self.look, lookedAt, outage) = (look, now, nil)
    }

    /// Redis did not answer, for a reason in one line.
    mutating func lose(_ reason: String, at now: LocalInstant) {
        outage = Outage(since: outage?.since ?? lookedAt ?? now, reason: reason)
    }

    /// Since when there is no answer, also while one is still waited for; nil when all is well.
    func outage(at now: LocalInstant) -> Outage? {
        if let outage { return outage }
        guard let lookedAt, now - lookedAt > Self.patience else { return nil }
        return Outage(since: lookedAt, reason: "no answer yet")
    }

    mutating func say(_ text: String, at now: LocalInstant) {
        message = (text, now.advanced(by: Self.messageDuration))
    }

    func message(at now: LocalInstant) -> String? {
        message.flatMap { now < $0.until ? $0.text : nil }
    }

    func history(of queue: String) -> QueueHistory { histories[queue] ?? QueueHistory() }
}

// MARK: - What is shown

extension DashModel {
    /// The queues that the filter lets through, in order.
    var queues: [QueueSample] {
        let filter = if case .filter(let typed) = mode { typed } else { self.filter }
        let wanted = filter.lowercased()
        let shown = (look?.queues ?? []).filter { wanted.isEmpty || $0.name.lowercased().contains(wanted) }
        let byName = shown.sorted { $0.name < $1.name }
        switch sort {
        case .name: return byName
        case .ready: return sorted(byName) { Double($0.ready) }
        case .oldest: return sorted(byName) { $0.ready > 0 ? $0.oldest.inSeconds : 0 }
        case .rate: return sorted(byName) { history(of: $0.name).arriving ?? 0 }
        case .workers: return sorted(byName) { Double($0.workers.count) }
        }
    }

    /// The largest first, equals by name.
    private func sorted(_ queues: [QueueSample], by value: (QueueSample) -> Double) -> [QueueSample] {
        queues.map { ($0, value($0)) }.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0.name < $1.0.name }.map(\.0)
    }

    /// Where the cursor is among the queues.
    var chosenIndex: Int {
        queues.firstIndex { $0.name == chosen } ?? 0
    }

    /// The queue under the cursor.
    var chosenQueue: QueueSample? {
        if let queue = queues.first(where: { $0.name == chosen }) { return queue }
        // The screen of a queue keeps to it, whatever the filter says.
        if screen == .queue, let queue = look?.queues.first(where: { $0.name == chosen }) { return queue }
        return queues.first
    }

    /// Every worker of the queues that are shown, with its queue.
    var workers: [(queue: String, worker: QueueSample.Worker)] {
        queues.sorted { $0.name < $1.name }.flatMap { queue in
            queue.workers.sorted { ($0.slot ?? .max, $0.name) < ($1.slot ?? .max, $1.name) }.map { (queue.name, $0) }
        }
    }

    /// How many rows the cursor of the screen can be on.
    var rowCount: Int {
        switch screen {
        case .overview: queues.count
        case .queue: 0
        case .workers: workers.count
        case .jobs: trail.last.map { $0.choices?.count ?? 10_000 } ?? jobRows.count
        case .dead: group == nil ? groups.count : groupDetail?.newest.count ?? 0
        case .limits: limits?.limits.count ?? 0
        case .scaling: look?.fleet?.decisions.count ?? 0
        }
    }
}
