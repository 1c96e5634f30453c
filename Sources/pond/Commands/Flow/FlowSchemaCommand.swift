import ArgumentParser
import Millpond
import PondFlow

/// `pond flow schema`: what editors are told of documents.
struct FlowSchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of flows' documents, for editors.",
        discussion:
            "A document whose first line is `# yaml-language-server: $schema=flow.schema.json` is checked by it."
    )

    @OptionGroup var output: OutputOptions

    func run() async throws {
        // It is JSON for programs in any case.
        try await runReporting(output) { terminal in try terminal.print(FlowSchema.text) }
    }
}
