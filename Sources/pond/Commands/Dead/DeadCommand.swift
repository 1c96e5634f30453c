import ArgumentParser

/// `pond dead`: the jobs that ended badly.
struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "List the dead jobs and their root causes, show one, send them back, or forget them.",
        subcommands: [
            DeadListCommand.self, DeadGroupsCommand.self, DeadShowCommand.self, DeadRetryCommand.self,
            DeadCompensateCommand.self, DeadDiscardCommand.self, DeadEscalateCommand.self, DeadIgnoreCommand.self,
            DeadResolveCommand.self,
            DeadReopenCommand.self, DeadAuditCommand.self,
        ]
    )
}
