import ArgumentParser
import Millpond
import PondCore
import PondFlow

/// `pond flow check`: what is wrong with a document, before anybody starts it.
struct FlowCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a flow's document: members, order, pointers, bounds. Needs no Redis.",
        discussion: "Ends with exit code 8 when there are errors; warnings alone end with 0."
    )

    @OptionGroup var document: FlowFile
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let reading = try document.read()
            if output.json {
                try terminal.print(json(reading))
            } else {
                try tell(reading, on: terminal)
            }
            if !reading.errors.isEmpty { throw ExitCode(ExitCodes.checkFailed.rawValue) }
        }
    }

    private func tell(_ reading: FlowReading, on terminal: Terminal) throws {
        for issue in reading.issues {
            let mark = terminal.tinted(issue.severity.rawValue, issue.severity == .error ? .red : .yellow)
            try terminal.print("\(mark): \(SafeText.escaped(issue.line(in: document.name)))")
            if let hint = issue.hint { try terminal.print("  \(SafeText.escaped(hint))") }
        }
        let warnings = reading.issues.count - reading.errors.count
        let counts = [(reading.errors.count, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { $0.0.of($0.1) }
        let head = reading.flow.map { "\($0.kind) has \($0.steps.count.of("step"))" } ?? "no flow to start"
        try terminal.print("\(head): \(counts.isEmpty ? "nothing is wrong" : counts.joined(separator: ", "))")
    }

    private func json(_ reading: FlowReading) -> JSONDocument {
        JSONDocument(
            kind: "FlowCheck",
            items: reading.issues.map(\.json),
            [
                ("file", .string(document.file)), ("ok", .bool(reading.errors.isEmpty)),
                ("flow", .text(reading.flow?.kind.text)), ("steps", .count(reading.flow?.steps.count ?? 0)),
                ("errors", .count(reading.errors.count)),
                ("warnings", .count(reading.issues.count - reading.errors.count)),
            ]
        )
    }
}
