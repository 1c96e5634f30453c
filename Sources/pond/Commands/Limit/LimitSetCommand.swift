import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// What a limit allows.
struct LimitSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set what a limit allows, for all workers together.",
        discussion: """
            SPEC is a rate (`60/m burst 10`, `50/s`), how many run at a time (`8 at a time`), both with a comma between, or \
            `open` for a limit without a number, which learns from what the other side answers. Units of time are s, m, h \
            and d. NAME may be a family: `tenant:*`, or `tenant:{tenant}` as jobs write it. It holds from now on; what is \
            counted stays.
            """
    )

    @Argument(
        help: "The limit's name, as jobs ask for it; a family ends with * behind : or /.",
        transform: LimitName.argument
    )
    var name: LimitName

    @Argument(help: "What it allows, in quotes for the shell.", transform: LimitSpec.argument)
    var spec: LimitSpec

    @OptionGroup var scope: LimitScope
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let before = try await scope.reader(pond).set(name, spec)
                if output.json {
                    return try terminal.print(
                        JSONDocument(
                            kind: "Limit",
                            [
                                ("name", .string(name.text)), ("definition", .string("\(spec)")),
                                ("before", .text(before)),
                            ]
                        )
                    )
                }
                try terminal.print("limit \(name) allows \(spec)\(before.map { ", was \($0)" } ?? "")")
            }
        }
    }
}

/// Nothing is limited by it any more.
struct LimitClearCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Take a limit away: jobs that ask for it are not held back by it any more.",
        discussion: "Jobs that wait for it alone begin as workers have room. What was counted is forgotten."
    )

    @Argument(help: "The limit's name; a family ends with *.", transform: LimitName.argument)
    var name: LimitName

    @OptionGroup var scope: LimitScope
    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let reader = try scope.reader(pond)
                guard try await reader.clear(name) else { throw try await LimitMissing.failure(name.text, reader) }
                if output.json {
                    return try terminal.print(
                        JSONDocument(kind: "LimitCleared", [("name", .string(name.text))])
                    )
                }
                try terminal.print("limit \(name) is gone; nothing is limited by it any more")
            }
        }
    }
}
