import ArgumentParser
import Millpond

/// What this program is.
enum ProgramVersion {
    static let text = "0.1.0"
}

/// Which versions there are, to compare with a server's.
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the versions of the program, the function library and the wire format."
    )

    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let library = LuaLibrary.Version.own
            guard output.json else {
                return try terminal.print(
                    "pond \(ProgramVersion.text), wire format \(library.format), function library revision \(library.revision)"
                )
            }
            try terminal.print(
                JSONDocument(
                    kind: "Version",
                    [
                        ("program", .string(ProgramVersion.text)), ("wire_format", .count(library.format)),
                        ("library_revision", .count(library.revision)),
                    ]
                )
            )
        }
    }
}
