package import ArgumentParser
import Glibc
package import Millpond

/// Reads every file of a folder through a queue into SQLite.
@main package struct Ingest: MillpondApp {
    package static let queue = "ingest"
    package static let about = "Reads every file of a folder through a queue into an SQLite file."
    package static let commands: [any ParsableCommand.Type] = [
        DemoCommand.self, WalkCommand.self, ReportCommand.self,
    ]

    private let documents: DocumentStore

    package init() throws {
        documents = DocumentStore(path: try RowsFile.prepared())
    }

    package var jobs: some JobRegistry {
        IngestDocument(documents).timeout(IngestLimits.attemptTimeout)
        FindLinks(documents).timeout(IngestLimits.attemptTimeout)
    }
}

/// Where the rows go.
enum RowsFile {
    /// Names the file in a worker's environment.
    static let variable = "INGEST_ROWS"

    /// The file that `INGEST_ROWS` names, else `.millpond/ingest.sqlite`; the folder of the latter is made.
    static func prepared() throws(CommandFailure) -> String {
        if let path = Environment.value(variable) { return path }
        return try DataFolder.make(".millpond") + "/ingest.sqlite"
    }
}

/// A folder for files of our own.
enum DataFolder {
    /// Makes the folder and those above it; a folder that is there is taken as it is.
    ///
    /// - Returns: its absolute path.
    static func make(_ path: String) throws(CommandFailure) -> String {
        let bytes = Array(path.utf8)
        for (index, byte) in (bytes + [UInt8(ascii: "/")]).enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            let part = DocumentPath(Array(bytes[..<index]))
            guard part.withCString({ mkdir($0, 0o700) }) == 0 || errno == EEXIST else { throw unusable(path) }
        }
        guard let resolved = realpath(path, nil) else { throw unusable(path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func unusable(_ path: String) -> CommandFailure {
        CommandFailure(
            .failure,
            "the folder \(path) cannot be made: \(String(cString: strerror(errno)))",
            hint: "start in a folder that you can write, or name another one"
        )
    }
}
