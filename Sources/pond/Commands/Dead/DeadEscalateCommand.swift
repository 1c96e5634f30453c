import ArgumentParser
import Millpond
import PondBridge
import PondCore
import PondInsight
import PondQueue

/// `pond dead escalate`: tells somebody outside of a group.
struct DeadEscalateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "escalate",
        abstract: "Hand a group to a program or a web address: its jobs, kinds and last error, as JSON.",
        discussion: "The jobs stay dead. --run gets the JSON on standard input; --post gets it as a POST."
    )

    @Argument(help: ArgumentHelp("The group, as in E-1f3a9c2e.", valueName: "group"))
    var group: String

    @Option(name: .customLong("run"), help: ArgumentHelp("What /bin/sh runs.", valueName: "command"))
    var command: String?

    @Option(help: ArgumentHelp("Where it is posted to. @FILE reads it from a file.", valueName: "url"))
    var post: String?

    @Option(
        help: ArgumentHelp(
            "A header that is sent along, as in 'X-Key: value' or 'X-Key: @FILE'; may be given again.",
            valueName: "header"
        )
    )
    var postHeader: [String] = []

    @Option(help: ArgumentHelp("A file with a token that is sent as `Authorization: Bearer`.", valueName: "file"))
    var postBearerFile: String?

    @Option(
        name: .customLong("hook-timeout"),
        help: ArgumentHelp("How long it may take.", valueName: "time"),
        transform: Duration.argument
    )
    var hookTimeout = Duration.seconds(30)

    @Option(help: ArgumentHelp("Only in this queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Why, for whoever is told and for the audit.", valueName: "text"))
    var reason: String?

    @Flag(help: "Do it without asking.")
    var yes = false

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (command == nil) != (post == nil) else {
            throw ValidationError("say whom to tell: --run COMMAND or --post URL")
        }
        if post == nil, !postHeader.isEmpty || postBearerFile != nil {
            throw ValidationError("--post-header and --post-bearer-file go with --post")
        }
        guard GroupID(group) != nil else {
            throw ValidationError(
                "\"\(SafeText.escaped(group.prefix(40)))\" is no group; `pond dead groups` lists them"
            )
        }
    }

    /// Who is told, and how people may see it.
    private func hook() throws -> (hook: Hook, whom: String) {
        guard let post else { return (.command(command ?? ""), command ?? "") }
        let secrets = try HTTPSecrets(post, headers: postHeader, bearerFile: postBearerFile, option: "--post")
        return (.address(secrets.address, secrets.headers), "\(secrets.address)")
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            guard let id = GroupID(group) else { return }
            let (hook, whom) = try self.hook()
            try await redis.withPond { pond in
                let queues = try await QueueLookup(pond: pond).queues(queue)
                guard let sum = try await DeadGroupSum.read(queues).first(where: { $0.id == id }) else {
                    throw CommandFailure(.notFound, "no queue has a group \(id)", hint: "`pond dead groups` lists them")
                }
                let parts = try await DeadPart.read(.group(id), in: queues)
                let plan = DeadPlan(parts)
                terminal.say("tell \(SafeText.escaped(whom)) of " + SafeText.escaped(plan.text))
                try Confirmation.ask("tell it", count: plan.count, yes: yes, on: terminal)
                let actor = DeadActor.current(reason: reason)
                do {
                    try await hook.call(document(sum, parts, actor).text, within: hookTimeout)
                } catch {
                    try await actor.write("escalate", "\(id)", parts, result: "failed: \(error)")
                    throw CommandFailure(
                        .failure,
                        "nobody was told of \(id): \(error)",
                        hint: "mend it and run it again"
                    )
                }
                try await actor.write("escalate", "\(id)", parts, result: "told")
                if output.json { return try terminal.print(document(sum, parts, actor)) }
                try terminal.print("told of \(id): \(plan.count.of("dead job"))")
            }
        }
    }

    private func document(_ sum: DeadGroupSum, _ parts: [DeadPart], _ actor: DeadActor) -> JSONDocument {
        let first = parts.flatMap { part in part.ids.prefix(20).map { JSONValue.string("\(part.queue.name)/\($0)") } }
        return JSONDocument(
            kind: "DeadEscalation",
            [
                ("group", JSONValue(encoding: DeadGroupRecord(sum))), ("jobs", .array(Array(first.prefix(20)))),
                ("by", .string(actor.name)), ("reason", .string(actor.reason)),
            ]
        )
    }
}
