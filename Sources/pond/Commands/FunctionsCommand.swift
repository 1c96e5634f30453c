import ArgumentParser
import Millpond

/// The function library of a server.
struct FunctionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "functions",
        abstract: "Load the function library that workers and producers call.",
        subcommands: [FunctionsLoadCommand.self]
    )
}

/// Loads the library once, by somebody who may, so that workers need no right to.
struct FunctionsLoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load the function library, unless the server has it already.",
        discussion: "Every worker does the same at its start; this is for servers where workers may not."
    )

    @OptionGroup var redis: RedisOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            try await redis.withPond { pond in
                let before = try await pond.libraryVersion()
                let after = try await pond.installLibrary()
                let isLoaded = before != after
                guard output.json else {
                    let change = before.map { "\($0) before" } ?? "none before"
                    return try terminal.print(
                        isLoaded ? "loaded millpond, \(after) (\(change))" : "nothing to do: the server has \(after)"
                    )
                }
                try terminal.print(
                    JSONDocument(
                        kind: "FunctionLibrary",
                        [
                            ("loaded", .bool(isLoaded)), ("format", .count(after.format)),
                            ("revision", .count(after.revision)),
                            ("revision_before", before.map { .count($0.revision) } ?? .null),
                        ]
                    )
                )
            }
        }
    }
}
