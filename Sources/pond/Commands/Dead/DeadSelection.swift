import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// Which dead jobs a command is for: ids, a group, a cause, or all.
struct DeadSelection: ParsableArguments {
    @Argument(
        help:
            "Ids of dead jobs (or QUEUE/ID), or one group such as E-1f3a9c2e, or one cause such as attempts_exhausted."
    )
    var ids: [String] = []

    @Option(help: ArgumentHelp("All dead jobs with this cause.", valueName: "cause"))
    var cause: String?

    @Flag(help: "All dead jobs; behind a group or a cause, all of it at once.")
    var all = false

    @Option(help: ArgumentHelp("Only in this queue.", valueName: "name"))
    var queue: String?

    @Flag(help: "Do it without asking.")
    var yes = false

    @Option(help: ArgumentHelp("Why, for the audit.", valueName: "text"))
    var reason: String?

    func validate() throws {
        let isNamed = named != nil
        guard isNamed || ids.allSatisfy({ Self.isJobID($0) }) else {
            throw ValidationError("give ids of jobs, or one group or cause, not several and not both")
        }
        let ways = (ids.isEmpty ? 0 : 1) + (cause == nil ? 0 : 1) + (all && !isNamed ? 1 : 0)
        guard ways == 1 else {
            throw ValidationError(
                ways == 0
                    ? "say which: ids, a group, --cause CAUSE or --all" : "ids, --cause and --all exclude each other"
            )
        }
    }

    /// Whether the jobs were named one by one.
    var isExplicit: Bool { !ids.isEmpty && named == nil }

    /// The group or the cause that stands in the place of ids.
    var named: DeadTarget? {
        guard ids.count == 1, let word = ids.first, !Self.isJobID(word) else { return nil }
        return GroupID(word).map { .group($0) } ?? .cause(word)
    }

    /// What is meant, when the jobs are not named one by one.
    var target: DeadTarget? {
        isExplicit ? nil : named ?? cause.map { .cause($0) } ?? .all
    }

    /// `1732374245000-0`, with letters behind it and a queue before it or not.
    static func isJobID(_ word: String) -> Bool {
        let parts = (word.split(separator: "/").last ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = parts.last?.drop(while: \.isWholeNumber) else { return false }
        return !parts[0].isEmpty && parts[0].allSatisfy(\.isWholeNumber) && parts[1].first?.isWholeNumber == true
            && number.allSatisfy { $0.isASCII && $0.isLowercase }
    }

    /// The dead jobs that are meant, queue by queue.
    ///
    /// - Throws: `CommandFailure` when an id is unknown or not that of a dead job, or nothing is dead of what was named.
    func plan(_ pond: Pond) async throws -> DeadPlan {
        let lookup = QueueLookup(pond: pond)
        if let target {
            let plan = DeadPlan(try await DeadPart.read(target, in: try await lookup.queues(queue)))
            guard plan.count > 0 || target == .all else {
                throw CommandFailure(
                    .notFound,
                    "no dead job belongs to \(target)",
                    hint: "`pond dead groups` lists root causes, `pond dead list` causes"
                )
            }
            return plan
        }
        var parts: [QueueName: DeadPlan.Part] = [:]
        for id in ids {
            let (queue, report) = try await lookup.job(try JobAddress(id), in: queue)
            guard report.state == .dead else {
                throw CommandFailure(
                    .conflict,
                    "job \(queue.name)/\(report.id) is not dead but \(report.state.rawValue); nothing was changed",
                    hint: "leave it out, or look at it with `pond job get \(queue.name)/\(report.id)`"
                )
            }
            parts[queue.name, default: DeadPlan.Part(queue: queue, ids: [])].add(report.id)
        }
        return DeadPlan(parts: parts.values.sorted { $0.queue.name < $1.queue.name })
    }

    /// What the audit says an action was for.
    var audited: String { target.map { "\($0)" } ?? "jobs" }

    /// Asks whether to go on, and writes down that it was begun.
    ///
    /// - Returns: who does it, for the entry at its end; nil when nothing is written of so few.
    func begin(_ action: String, _ question: String, _ plan: DeadPlan, on terminal: Terminal) async throws -> DeadActor?
    {
        isExplicit ? nil : try await beginAlways(action, question, plan, on: terminal)
    }

    /// The same for what is asked and written down of a single job, too.
    func beginAlways(
        _ action: String,
        _ question: String,
        _ plan: DeadPlan,
        on terminal: Terminal
    ) async throws -> DeadActor? {
        guard plan.count > 0 else { return nil }
        try Confirmation.ask(question, count: plan.count, yes: yes, on: terminal)
        let actor = DeadActor.current(reason: reason)
        try await actor.write(action, audited, plan.deadParts, result: "begun")
        return actor
    }
}

/// The jobs that a bulk command is about to change.
struct DeadPlan {
    /// The jobs of one queue.
    struct Part {
        let queue: Queue
        private(set) var ids: [JobID]

        init(queue: Queue, ids: [JobID]) {
            self.queue = queue
            self.ids = ids
        }

        mutating func add(_ id: JobID) {
            if !ids.contains(id) { ids.append(id) }
        }
    }

    let parts: [Part]

    init(parts: [Part]) {
        self.parts = parts
    }

    init(_ parts: [DeadPart]) {
        self.parts = parts.map { Part(queue: $0.queue, ids: $0.ids) }
    }

    var count: Int { parts.reduce(0) { $0 + $1.ids.count } }

    /// The same for an action.
    var deadParts: [DeadPart] { parts.map { DeadPart(queue: $0.queue, ids: $0.ids) } }

    /// Which jobs and where, in one line: `1 204 dead jobs in 2 queues (emails 1 200, mail 4); first: …`.
    var text: String {
        let places = parts.prefix(5).map { "\($0.queue.name) \($0.ids.count.grouped)" }.joined(separator: ", ")
        let more = parts.count > 5 ? " and \(parts.count - 5) more" : ""
        let first = parts.flatMap { part in part.ids.prefix(5).map { "\(part.queue.name)/\($0)" } }.prefix(5)
        return "\(count.of("dead job")) in \(parts.count.of("queue")) (\(places)\(more)); "
            + "\(count > first.count ? "the first \(first.count)" : "these"): \(first.joined(separator: ", "))"
    }
}
