import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSQLite

/// `pond history status`: how the file stands.
struct HistoryStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how far the file has read, what it missed, and how large it is."
    )

    @OptionGroup var file: HistoryFile
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await file.withStore { store in
                let status = try await store.status()
                if output.json {
                    return try terminal.print(
                        JSONDocument(kind: "HistoryStatus", of: HistoryStatusRecord(status, file: store.store.path))
                    )
                }
                try terminal.print(HistoryView.text(status, store.store.path, for: terminal, now: store.now))
            }
        }
    }
}

/// `pond history search`: finds events and jobs.
struct HistorySearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find what happened, by the words of an error and more; the newest first.",
        discussion: """
            All words have to be in the error's text; a word that ends in * stands for all that begin so. Without a text, \
            --cause, --group or --worker each job is shown once, with the last that happened to it.
            """
    )

    @Argument(help: "Words of an error's text.")
    var text: [String] = []

    @Option(help: ArgumentHelp("What the job is.", valueName: "kind"))
    var kind: String?
    @Option(help: ArgumentHelp("Why it is dead, as in timeout.", valueName: "cause"))
    var cause: String?
    @Option(help: ArgumentHelp("The failure's group, as in E-1f3a9c2e.", valueName: "group"))
    var group: String?
    @Option(help: ArgumentHelp("The worker that did it.", valueName: "name"))
    var worker: String?
    @Option(help: ArgumentHelp("The intent.", valueName: "id"))
    var correlation: String?
    @Option(help: ArgumentHelp("The queue.", valueName: "name"))
    var queue: String?
    @Option(
        help: ArgumentHelp("Not before, as a time or how long ago: 2h.", valueName: "time"),
        transform: HistoryTime.argument
    )
    var since: HistoryTime?
    @Option(help: ArgumentHelp("Not after.", valueName: "time"), transform: HistoryTime.argument)
    var until: HistoryTime?
    @Option(help: ArgumentHelp("The most hits, up to 1000.", valueName: "count"))
    var limit = 50

    @OptionGroup var file: HistoryFile
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...HistoryLimits.hitsMax).contains(limit) else {
            throw ValidationError("--limit is \(limit), allowed is 1 to \(HistoryLimits.hitsMax)")
        }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await file.withStore { store in
                var query = HistoryQuery()
                query.text = text.isEmpty ? nil : text.joined(separator: " ")
                (query.kind, query.cause, query.group, query.worker) = (kind, cause, group, worker)
                (query.correlationID, query.queue, query.limit) = (correlation, queue, limit)
                query.since = since?.time(now: store.now)
                query.until = until?.time(now: store.now)
                let hits = try await store.search(query)
                if output.json {
                    let members: [(String, JSONValue)] = [("limit", .count(limit))]
                    let items = hits.map { JSONValue(encoding: HistoryHitRecord($0)) }
                    return try terminal.print(JSONDocument(kind: "HistorySearch", items: items, members))
                }
                guard !hits.isEmpty else { return terminal.say("nothing in the history is like that") }
                try terminal.print(HistoryView.table(hits).text(for: terminal))
            }
        }
    }
}

/// `pond history job`: a job's whole history.
struct HistoryJobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Show everything that happened to a job."
    )

    @Argument(help: "The job's id, or QUEUE/ID.")
    var id: String

    @OptionGroup var file: HistoryFile
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await file.withStore { store in
                let address = try JobAddress(id)
                let jobHistories = try await store.jobHistories(of: address.id, in: address.queue)
                guard !jobHistories.isEmpty else {
                    throw CommandFailure(
                        .notFound,
                        "the history knows no job \(id)",
                        hint: "`pond history status` shows how far it has read, and what it missed"
                    )
                }
                if output.json {
                    let items = jobHistories.map { JSONValue(encoding: HistoryStoryRecord($0)) }
                    return try terminal.print(JSONDocument(kind: "HistoryJob", items: items))
                }
                let texts = jobHistories.map { HistoryView.text($0, for: terminal) }
                try terminal.print(texts.joined(separator: "\n\n"))
            }
        }
    }
}

/// A moment, or how long ago it was.
enum HistoryTime {
    case at(ServerTime)
    case ago(Duration)

    /// For `@Option(transform: HistoryTime.argument)`.
    static func argument(_ text: String) throws -> HistoryTime {
        if let ago = Duration(human: text) { return .ago(ago) }
        return .at(try ServerTime.argument(text))
    }

    func time(now: ServerTime) -> ServerTime {
        switch self {
        case .at(let time): time
        case .ago(let duration): now.advanced(by: .zero - duration)
        }
    }
}
