import ArgumentParser

/// `pond job`: one job.
struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Look at one job, find it by its key, or cancel it.",
        subcommands: [JobGetCommand.self, JobKeyCommand.self, JobCancelCommand.self]
    )
}
