import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// A group, and why something is said of it.
struct DeadGroupChoice: ParsableArguments {
    @Argument(help: ArgumentHelp("The group, as in E-1f3a9c2e.", valueName: "group"))
    var group: String

    @Option(help: ArgumentHelp("Only in this queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Why, for the audit.", valueName: "text"))
    var reason: String?

    func validate() throws {
        guard GroupID(group) != nil else {
            throw ValidationError(
                "\"\(SafeText.escaped(group.prefix(40)))\" is no group; `pond dead groups` lists them"
            )
        }
    }

    /// Says it in every queue that has the group, and writes it down.
    func setState(
        _ state: DeadGroup.State,
        until: ServerTime? = nil,
        as action: String,
        on pond: Pond,
        _ terminal: Terminal,
        asJSON: Bool
    ) async throws {
        guard let id = GroupID(group) else { return }
        var parts: [DeadPart] = []
        for queue in try await QueueLookup(pond: pond).queues(queue) {
            guard try await queue.setState(of: id, state, until: until) != nil else { continue }
            parts.append(DeadPart(queue: queue, ids: []))
        }
        guard !parts.isEmpty else {
            throw CommandFailure(.notFound, "no queue has a group \(id)", hint: "`pond dead groups --all` lists them")
        }
        let result = until.map { "until \($0.iso8601)" } ?? ""
        try await DeadActor.current(reason: reason).write(action, "\(id)", parts, result: result)
        let queues = parts.map { $0.queue.name.text }
        if asJSON {
            return try terminal.print(
                JSONDocument(
                    kind: "DeadGroupState",
                    [
                        ("group", .string("\(id)")), ("state", .string(state.rawValue)), ("until", .time(until)),
                        ("queues", .array(queues.map { .string($0) })),
                    ]
                )
            )
        }
        let end = until.map { " until \($0.iso8601)" } ?? ""
        try terminal.print("\(id) is \(state.rawValue)\(end) in \(queues.joined(separator: ", "))")
    }
}

/// `pond dead ignore`: leaves a group out of the list for a while.
struct DeadIgnoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ignore",
        abstract: "Leave a group out of the list, for a while or for good.",
        discussion: "Its jobs stay dead and are counted. `pond dead reopen` takes it back."
    )

    @OptionGroup var choice: DeadGroupChoice

    @Option(
        help: ArgumentHelp("For how long, as in 2h, or until when, as in 2026-12-01T08:00:00Z.", valueName: "time")
    )
    var until: String?

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let end = try await end(on: pond)
                try await choice.setState(.ignored, until: end, as: "ignore", on: pond, terminal, asJSON: output.json)
            }
        }
    }
}

extension DeadIgnoreCommand {
    /// The moment that was meant, by Redis' clock; nil for good.
    private func end(on pond: Pond) async throws -> ServerTime? {
        guard let until else { return nil }
        guard let time = Duration(human: until) else { return try ServerTime.argument(until) }
        let queue = try await QueueLookup(pond: pond).queues(choice.queue).first
        return try await queue?.depth().now.advanced(by: time)
    }
}

/// `pond dead resolve`: says that a group's cause is gone.
struct DeadResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say that a group's cause is gone; if jobs die of it again, the group is regressed."
    )

    @OptionGroup var choice: DeadGroupChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                try await choice.setState(.resolved, as: "resolve", on: pond, terminal, asJSON: output.json)
            }
        }
    }
}

/// `pond dead reopen`: takes back what was said of a group.
struct DeadReopenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reopen",
        abstract: "Take back that a group is ignored or resolved."
    )

    @OptionGroup var choice: DeadGroupChoice
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                try await choice.setState(.open, as: "reopen", on: pond, terminal, asJSON: output.json)
            }
        }
    }
}
