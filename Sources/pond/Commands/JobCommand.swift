import ArgumentParser

/// `pond job`: one job.
struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Look at one job, or cancel it.",
        subcommands: [JobGetCommand.self, JobCancelCommand.self]
    )
}
