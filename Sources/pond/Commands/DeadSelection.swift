import ArgumentParser
import Millpond
import PondCore
import PondQueue

/// Which dead jobs a command is for: ids, a cause, or all.
struct DeadSelection: ParsableArguments {
    @Argument(help: "Ids of dead jobs, or QUEUE/ID.")
    var ids: [String] = []

    @Option(help: ArgumentHelp("All dead jobs with this cause.", valueName: "cause"))
    var cause: String?

    @Flag(help: "All dead jobs.")
    var all = false

    @Option(help: ArgumentHelp("Only in this queue.", valueName: "name"))
    var queue: String?

    @Flag(help: "Do it without asking.")
    var yes = false

    func validate() throws {
        let ways = (ids.isEmpty ? 0 : 1) + (cause == nil ? 0 : 1) + (all ? 1 : 0)
        guard ways == 1 else {
            throw ValidationError(
                ways == 0 ? "say which: ids, --cause CAUSE or --all" : "ids, --cause and --all exclude each other"
            )
        }
    }

    /// Whether the jobs were named one by one.
    var isExplicit: Bool { !ids.isEmpty }

    /// The dead jobs that are meant, queue by queue.
    ///
    /// - Throws: `CommandFailure` when an id is unknown or not that of a dead job.
    func plan(_ pond: Pond) async throws -> DeadPlan {
        let lookup = QueueLookup(pond: pond)
        guard isExplicit else {
            var parts: [DeadPlan.Part] = []
            for queue in try await lookup.queues(queue) {
                let ids = try await queue.deadIDs(cause: cause)
                if !ids.isEmpty { parts.append(DeadPlan.Part(queue: queue, ids: ids)) }
            }
            return DeadPlan(parts: parts)
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

    var count: Int { parts.reduce(0) { $0 + $1.ids.count } }

    /// Which jobs and where, in one line: `1 204 dead jobs in 2 queues (emails 1 200, mail 4); first: …`.
    var text: String {
        let places = parts.prefix(5).map { "\($0.queue.name) \($0.ids.count.grouped)" }.joined(separator: ", ")
        let more = parts.count > 5 ? " and \(parts.count - 5) more" : ""
        let first = parts.flatMap { part in part.ids.prefix(5).map { "\(part.queue.name)/\($0)" } }.prefix(5)
        return "\(count.of("dead job")) in \(parts.count.of("queue")) (\(places)\(more)); "
            + "\(count > first.count ? "the first \(first.count)" : "these"): \(first.joined(separator: ", "))"
    }
}
