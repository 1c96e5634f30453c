import ArgumentParser

/// `pond limit`: the limits that all workers share.
struct LimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Set how often, and how many at a time, jobs may call what others own; show who waits for it.",
        discussion: """
            A limit has a name that jobs ask for, and holds for all workers together: `60/m burst 10`, `8 at a time`, \
            both with a comma between, or `open`, which has no number and only learns from the answers. A family, \
            `tenant:*`, gives each of its names a limit of its own.
            """,
        subcommands: [LimitSetCommand.self, LimitListCommand.self, LimitShowCommand.self, LimitClearCommand.self]
    )
}
