import ArgumentParser

/// `pond dead`: the jobs that ended badly.
struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "List the dead jobs, show one, send them back, or forget them.",
        subcommands: [
            DeadListCommand.self, DeadShowCommand.self, DeadRetryCommand.self, DeadDiscardCommand.self,
        ]
    )
}
