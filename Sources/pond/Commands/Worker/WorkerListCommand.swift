import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond worker list`: who serves the queues.
struct WorkerListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the workers of a queue, or of all, with what each is doing.",
        discussion: "`pond queue get QUEUE` shows the jobs that they run, too."
    )

    @Argument(help: "The queue's name. Defaults to all known queues.")
    var name: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let lookup = QueueLookup(pond: pond)
                let queues = if let name { [try await lookup.existing(name)] } else { try await lookup.queues(nil) }
                var views: [WorkersView] = []
                for queue in queues { views.append(try await WorkersView.read(queue)) }
                if output.json { return try terminal.print(WorkersView.document(views)) }
                guard views.contains(where: { !$0.workers.isEmpty }) else {
                    return terminal.say(
                        "no worker serves \(name.map { "queue \(SafeText.escaped($0))" } ?? "any queue"); "
                            + "`pond worker --queue QUEUE` or a program of yours does"
                    )
                }
                try terminal.print(WorkersView.table(views).text(for: terminal))
            }
        }
    }
}

/// The workers of a queue as people and programs read them.
struct WorkersView {
    let queue: QueueName
    let workers: [QueueWorker]
    /// Redis' clock.
    let now: ServerTime

    static func read(_ queue: Queue) async throws -> WorkersView {
        let depth = try await queue.depth()
        // The parts of a queue that has a fault may not be readable.
        let workers = depth.fault == nil ? try await QueueWorker.all(of: queue) : []
        return WorkersView(queue: queue.name, workers: workers, now: depth.now)
    }

    static func table(_ views: [WorkersView]) -> Table {
        var table = Table([.text("QUEUE")] + QueueWorker.columns + [.flexible("KINDS")])
        for view in views {
            for worker in view.workers {
                table.add([.text(view.queue.text)] + worker.row(at: view.now) + [.text(worker.kindsText)])
            }
        }
        return table
    }

    static func document(_ views: [WorkersView]) -> JSONDocument {
        let items = views.flatMap { view in
            view.workers.map { worker in
                let json = JSONValue(encoding: worker)
                guard case .object(let members) = json else { return json }
                let facts: [(String, JSONValue)] = [
                    ("queue", .string(view.queue.text)), ("alive", .bool(worker.isAlive(at: view.now))),
                    ("kinds", worker.about?.kinds.map { .array($0.map { .string($0) }) } ?? .null),
                ]
                return .object(facts.map { JSONValue.Member($0, $1) } + members)
            }
        }
        return JSONDocument(kind: "WorkerList", items: items)
    }
}

extension QueueWorker {
    /// The kinds that it has handlers for, in few words.
    fileprivate var kindsText: String {
        guard let kinds = about?.kinds, !kinds.isEmpty else { return "-" }
        let more = (about?.kindsTotal ?? kinds.count) - kinds.count
        let text = kinds.map { $0 == "*" ? "every kind" : $0 }.joined(separator: ", ")
        return more > 0 ? "\(text) and \(more) more" : text
    }
}
