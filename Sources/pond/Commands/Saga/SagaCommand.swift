import ArgumentParser

/// `pond saga`: the jobs that remember their steps.
struct SagaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saga",
        abstract: "List the sagas, show one step by step, and decide where nobody else can.",
        subcommands: [
            SagaListCommand.self, SagaShowCommand.self, SagaReplayCommand.self, SagaCancelCommand.self,
            SagaPauseCommand.self, SagaResumeCommand.self, SagaResolveCommand.self, SagaTokenCommand.self,
            SagaSignalCommand.self,
        ]
    )
}
