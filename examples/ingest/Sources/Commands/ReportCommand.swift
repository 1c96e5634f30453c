package import ArgumentParser
import GRDB
import Glibc
import Millpond
import PondSQLite

/// Shows what an SQLite file of rows holds.
package struct ReportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Show what the rows in an SQLite file add up to, and answer a few questions."
    )

    @Argument(help: ArgumentHelp("The file, as in .millpond/demo/rows.sqlite.", valueName: "file"))
    var file: String

    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        try await runReporting(output) { terminal in
            try await BlockingWork.run { try Self.check(file) }
            let documents = DocumentStore(path: file)
            let totals = try await documents.totals()
            let answers = try await documents.answers()
            let fingerprint = try await documents.fingerprint()
            try await documents.close()
            if output.json {
                let members =
                    ReportText.members(totals) + ReportText.members(answers) + [("fingerprint", .string(fingerprint))]
                try terminal.print(JSONDocument(kind: "DocumentReport", members))
            } else {
                try terminal.print(ReportText.totals(totals, [], on: terminal))
                try terminal.print("\n" + ReportText.answers(answers, on: terminal))
                try terminal.print("\nfingerprint of all rows  \(fingerprint)")
            }
        }
    }

    /// Looks before the store does, which would make a file that is missing and tables that are.
    private static func check(_ file: String) throws {
        guard access(file, F_OK) == 0 else {
            throw CommandFailure(.notFound, "there is no file \(file)", hint: "ingest demo makes one and says where")
        }
        var configuration = Configuration()
        configuration.readonly = true
        do {
            let database = try DatabaseQueue(path: file, configuration: configuration)
            let isOurs = try database.read { try $0.tableExists("documents") && $0.tableExists("pond_schema") }
            if isOurs { return }
        } catch let error as DatabaseError {
            throw CommandFailure(
                .failure,
                "\(file) cannot be read: \(error.message ?? "SQLite \(error.resultCode.rawValue)")",
                hint: "name a file that ingest wrote"
            )
        }
        throw CommandFailure(.failure, "\(file) holds no documents", hint: "name a file that ingest wrote")
    }
}
