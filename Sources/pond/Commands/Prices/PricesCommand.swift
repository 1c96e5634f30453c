import ArgumentParser
import Millpond
import PondCore
import PondPrices

/// `pond prices`: what models, tools and CPU time cost.
struct PricesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prices",
        abstract: "Check a price book, and say what a call costs by it.",
        subcommands: [PricesCheckCommand.self]
    )
}

/// `pond prices check`: what is wrong with a price book.
struct PricesCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a price book, and with --model say what a call costs at most. Needs no Redis.",
        discussion: "Ends with exit code 8 when something is wrong."
    )

    @Argument(help: "The file, in YAML; - is standard input.")
    var file: String

    @Option(help: ArgumentHelp("Say what a call of this model costs.", valueName: "name"))
    var model: String?

    @Option(help: ArgumentHelp("Tokens of the prompt. Defaults to 1000.", valueName: "count"))
    var input: Int64?

    @Option(help: ArgumentHelp("Tokens of the answer. Defaults to 1000.", valueName: "count"))
    var answer: Int64?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await runReporting(output) { terminal in
            let book = try PriceFile.read(file)
            let cost = try model.map { model in try most(model, book) }
            if output.json {
                return try terminal.print(
                    JSONDocument(
                        kind: "PriceBook",
                        [
                            ("file", .string(file)), ("version", .string(book.version)),
                            ("models", .array(book.models.keys.sorted().map { .string($0) })),
                            ("tools", .array(book.tools.keys.sorted().map { .string($0) })),
                            ("unknown_model", .string(book.unknownModel.rawValue)),
                            ("cost_usd_micros", cost.map { .int($0.micros) } ?? .null),
                        ]
                    )
                )
            }
            try terminal.print(
                SafeText.escaped(
                    "price book \(book.version): \(book.models.count.of("model")), \(book.tools.count.of("tool")); "
                        + "an unknown model is \(book.unknownModel == .refuse ? "refused" : "charged at the ceiling")"
                )
            )
            if let model, let cost { try terminal.print(SafeText.escaped("\(model) costs at most \(cost) a call")) }
        }
    }

    private func most(_ model: String, _ book: PriceBook) throws -> USD {
        do throws(NoPrice) {
            return try book.most(model: model, input: input ?? 1_000, output: answer ?? 1_000, at: WallClock.read())
        } catch {
            throw CommandFailure(.checkFailed, SafeText.escaped(error.description), hint: "add the model to the book")
        }
    }
}

/// A price book that a person names.
enum PriceFile {
    /// - Throws: `CommandFailure`, which names the line that is wrong.
    static func read(_ file: String) throws(CommandFailure) -> PriceBook {
        let name = file == "-" ? "standard input" : SafeText.escaped(file)
        let bytes: [UInt8]
        do throws(BoundedFile.Obstacle) {
            let most = PriceBook.fileBytesMax
            bytes = try file == "-" ? BoundedFile.read(0, atMost: most) : BoundedFile.read(file, atMost: most)
        } catch {
            throw CommandFailure(
                .usage,
                "\(name) cannot be read: \(error.reason)",
                hint: "docs/budgets.md shows a price book"
            )
        }
        do throws(PriceFileError) {
            return try PriceBook(yaml: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw CommandFailure(
                .checkFailed,
                "\(name): \(SafeText.escaped(error.description))",
                hint: "docs/budgets.md shows a price book"
            )
        }
    }
}
