import ArgumentParser
import Millpond
import PondCore
import PondFlow

/// A document that a person names: a file, or `-` for standard input.
struct FlowFile: ParsableArguments {
    @Argument(help: ArgumentHelp("The document, in YAML or JSON; - is standard input.", valueName: "file"))
    var file: String

    /// What it is called in errors.
    var name: String { Self.name(of: file) }

    /// Reads and checks it.
    ///
    /// - Throws: `CommandFailure`, when it cannot be read.
    func read() throws(CommandFailure) -> FlowReading { try Self.read(file) }

    /// The flow of a document without errors.
    ///
    /// - Throws: `CommandFailure`, which tells the first error.
    func flow() throws(CommandFailure) -> Flow { try Self.flow(of: file) }

    private static func name(of file: String) -> String { file == "-" ? "standard input" : SafeText.escaped(file) }

    private static func read(_ file: String) throws(CommandFailure) -> FlowReading {
        let name = Self.name(of: file)
        let bytes: [UInt8]
        do throws(BoundedFile.Obstacle) {
            let most = Limits.flowBytesMax
            bytes = try file == "-" ? BoundedFile.read(0, atMost: most) : BoundedFile.read(file, atMost: most)
        } catch {
            throw CommandFailure(
                .usage,
                "\(name) cannot be read: \(error.reason)",
                hint: "docs/flows.md shows a whole document"
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.usage, "\(name) is not UTF-8", hint: "save it as UTF-8")
        }
        return FlowReading(text)
    }

    /// The same of a file that another option names.
    static func flow(of file: String) throws(CommandFailure) -> Flow {
        let reading = try read(file)
        let name = Self.name(of: file)
        if let flow = reading.flow { return flow }
        let first = reading.errors.first.map { $0.line(in: name) } ?? "\(name) is no flow"
        let more = reading.errors.count > 1 ? ", and \((reading.errors.count - 1).of("more error"))" : ""
        throw CommandFailure(
            .checkFailed,
            first + more,
            hint: "`pond flow check \(file == "-" ? "-" : name)` shows all that is wrong"
        )
    }
}

extension FlowIssue {
    /// `onboard.yaml:7:5: step one has a member …`.
    func line(in file: String) -> String {
        let at = place.line > 0 ? ":\(place.line):\(place.column)" : ""
        return "\(file)\(at): \(text)"
    }

    /// The same for programs.
    var json: JSONValue {
        .object([
            ("severity", .string(severity.rawValue)), ("line", place.line > 0 ? .count(place.line) : .null),
            ("column", place.line > 0 ? .count(place.column) : .null), ("text", .string(text)), ("hint", .text(hint)),
        ])
    }
}
