import ArgumentParser

/// `pond queue`: the queues.
struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract:
            "List the queues, look at one, pause, limit, empty or delete it, write it to a file and read it again.",
        subcommands: [
            QueueListCommand.self, QueueGetCommand.self, QueuePauseCommand.self, QueueResumeCommand.self,
            QueueSetCommand.self, QueuePurgeCommand.self, QueueDeleteCommand.self, QueueExportCommand.self,
            QueueImportCommand.self,
        ]
    )
}
