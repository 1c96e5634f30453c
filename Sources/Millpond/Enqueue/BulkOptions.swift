import ArgumentParser
import PondCore

/// How many jobs are read from standard input.
struct BulkOptions: ParsableArguments, Sendable {
    @Flag(help: "Enqueue one job a line of standard input; each line is a payload.")
    var lines = false

    @Flag(
        help: ArgumentHelp(
            "Enqueue one job a row of a CSV table (RFC 4180) on standard input.",
            discussion: """
                The first row names the columns. A payload is a JSON object of column and cell; every cell is a \
                string there, also one that looks like a number.
                """
        )
    )
    var csv = false

    @Flag(help: "Enqueue one job an element of a JSON array on standard input; each element is a payload.")
    var jsonArray = false

    @Option(
        help: ArgumentHelp(
            "What separates cells: , ; | or tab. Defaults to what a first line sep=… says, then to a comma.",
            valueName: "character"
        ),
        transform: BulkOptions.delimiter
    )
    var delimiter: UInt8?

    @Option(
        help: ArgumentHelp(
            "Take each job's key from this column or top-level member, so that a second run adds nothing twice.",
            valueName: "name"
        )
    )
    var keyField: String?

    @Option(
        help: ArgumentHelp("Take each job's correlation id from this column or member.", valueName: "name")
    )
    var correlationField: String?

    @Option(help: ArgumentHelp("Pass over so many lines, rows or elements first.", valueName: "count"))
    var skip: Int?

    @Flag(help: "Let an input that holds no job be no failure.")
    var allowEmpty = false

    /// Whether standard input holds many payloads.
    var isUsed: Bool { lines || csv || jsonArray }

    func validate() throws {
        guard [lines, csv, jsonArray].count(where: { $0 }) <= 1 else {
            throw ValidationError("--lines, --csv and --json-array exclude each other")
        }
        if delimiter != nil, !csv { throw ValidationError("--delimiter goes with --csv") }
        for (name, isGiven) in [
            ("--key-field", keyField != nil), ("--correlation-field", correlationField != nil), ("--skip", skip != nil),
            ("--allow-empty", allowEmpty),
        ] where isGiven && !isUsed {
            throw ValidationError("\(name) goes with --lines, --csv or --json-array")
        }
        if let skip, skip < 0 { throw ValidationError("--skip is \(skip), allowed is 0 or more") }
    }

    /// What may separate cells.
    static let delimiters = Array(",;|\t".utf8)

    /// A delimiter as it is typed.
    static func name(of delimiter: UInt8) -> String {
        delimiter == UInt8(ascii: "\t") ? "tab" : "'\(Unicode.Scalar(delimiter))'"
    }

    static func delimiter(_ text: String) throws -> UInt8 {
        switch text {
        case ",", ";", "|", "\t": return Array(text.utf8)[0]
        case "tab", "\\t": return UInt8(ascii: "\t")
        default: throw ValidationError("\"\(SafeText.escaped(text.prefix(40)))\" is no delimiter; use , ; | or tab")
        }
    }
}
