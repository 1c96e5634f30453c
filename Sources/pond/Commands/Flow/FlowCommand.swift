import ArgumentParser

/// `pond flow`: flows of steps as documents.
struct FlowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flow",
        abstract: "Check, draw and start flows: sagas that are written down as documents.",
        subcommands: [FlowCheckCommand.self, FlowDrawCommand.self, FlowStartCommand.self, FlowSchemaCommand.self]
    )
}
