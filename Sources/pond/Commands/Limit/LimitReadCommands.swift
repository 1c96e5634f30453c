import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// `pond limit list`: the limits that somebody has set.
struct LimitListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the limits with their state, and how many jobs each holds back.",
        discussion:
            "ADMITTED, WAITED and FAILED count the last hour: jobs let go, jobs that had to wait, failed answers."
    )

    @OptionGroup var scope: LimitScope
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let listing = try await scope.reader(pond).listing()
                if output.json { return try terminal.print(JSONDocument(kind: "LimitList", of: listing)) }
                guard !listing.limits.isEmpty else {
                    return terminal.say("no limit is set; `pond limit set NAME '60/m burst 10'` sets one")
                }
                try terminal.print(LimitText.table(listing, for: terminal))
            }
        }
    }
}

/// `pond limit show`: one limit, and who waits for it.
struct LimitShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a limit: its last hour as a chart, what it learned, its breaker, and who waits for it.",
        discussion: """
            NAME may be one of a family, as in tenant:acme; then the state is its own, and the last hour the family's.
            """
    )

    @Argument(help: "The limit's name, as jobs ask for it, or that of a family.")
    var name: String

    @Flag(help: "Draw with signs that every terminal has.")
    var ascii = false

    @OptionGroup var scope: LimitScope
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try LimitName.argument(name) }

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let (reader, asked) = (try scope.reader(pond), try LimitName.argument(name))
                guard let limit = try await reader.limit(asked) else {
                    throw try await LimitMissing.failure(asked.text, reader)
                }
                if output.json { return try terminal.print(JSONDocument(kind: "Limit", of: limit)) }
                try terminal.print(LimitText.text(limit, for: terminal, isASCII: ascii))
            }
        }
    }
}
