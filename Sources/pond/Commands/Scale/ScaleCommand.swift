import ArgumentParser

/// How many workers there are, and why.
struct ScaleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Say why there are so many workers, overrule that for a while, or try it out.",
        subcommands: [
            ScaleExplainCommand.self, ScaleHistoryCommand.self, ScalePinCommand.self, ScaleUnpinCommand.self,
            ScalePauseCommand.self, ScaleResumeCommand.self, ScaleSimulateCommand.self,
        ]
    )
}
