import ArgumentParser
import FoundationEssentials
import Millpond
import PondCore
import PondFlow

/// `pond flow draw`: the picture of a document.
struct FlowDrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Draw a flow's document, as text or as a picture in SVG. Needs no Redis."
    )

    @OptionGroup var document: FlowFile

    @Option(help: ArgumentHelp("Draw a picture into this file; - is standard output.", valueName: "file"))
    var svg: String?

    @Flag(help: "Draw it as text, which is what happens without --svg.")
    var text = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if text, svg != nil { throw ValidationError("--text and --svg exclude each other") }
    }

    func run() async throws {
        try await runReporting(output) { terminal in
            let flow = try document.flow()
            guard let svg else {
                let text = flow.drawnAsText
                return try terminal.print(output.json ? json(flow, "text", text).text : SafeText.lines(text))
            }
            guard let picture = flow.drawnAsSVG else {
                throw CommandFailure(
                    .refused,
                    "\(document.name) has \(flow.steps.count.of("step")) and more lines than a picture can show",
                    hint: "`pond flow draw \(document.name) --text` draws it as text"
                )
            }
            if svg == "-" { return try terminal.print(output.json ? json(flow, "svg", picture).text : picture) }
            do { try Data(picture.utf8).write(to: URL(filePath: svg), options: .atomic) } catch {
                throw CommandFailure(.failure, "\(SafeText.escaped(svg)) cannot be written: \(error)")
            }
            if output.json { return try terminal.print(json(flow, "drawn_into", svg)) }
            terminal.say("drawn into \(SafeText.escaped(svg))")
        }
    }

    private func json(_ flow: Flow, _ name: String, _ value: String) -> JSONDocument {
        JSONDocument(
            kind: "FlowDrawing",
            [("flow", .string(flow.kind.text)), ("steps", .count(flow.steps.count)), (name, .string(value))]
        )
    }
}
