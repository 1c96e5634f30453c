import ArgumentParser
import Glibc
import Millpond
import PondCore
import PondInsight
import PondSQLite

/// Which file a history is in.
struct HistoryFile: ParsableArguments {
    @Option(
        name: .customLong("file"),
        help: ArgumentHelp(
            "The history's file. Defaults to MILLPOND_HISTORY, then ~/.local/state/millpond/history.sqlite.",
            valueName: "path"
        )
    )
    var file: String?

    /// The file that the option, the environment or the system's custom names.
    ///
    /// - Throws: `CommandFailure`, when nothing says where the user's files are.
    func path(environment: (String) -> String? = Environment.value) throws(CommandFailure) -> String {
        if let file { return file }
        if let file = environment("MILLPOND_HISTORY") { return file }
        // By the custom's own words a path that is not absolute counts as none.
        if let state = environment("XDG_STATE_HOME"), state.hasPrefix("/") { return state + HistoryFile.name }
        if let home = environment("HOME") { return home + "/.local/state" + HistoryFile.name }
        throw CommandFailure(
            .usage,
            "nothing says where the history is: HOME is not set",
            hint: "name the file with --file or MILLPOND_HISTORY"
        )
    }

    private static let name = "/millpond/history.sqlite"

    /// The file to be written; the folders of the default one are made when they are missing.
    func writablePath() throws(CommandFailure) -> String {
        let path = try path()
        if file == nil, Environment.value("MILLPOND_HISTORY") == nil { HistoryFile.makeFolders(of: path) }
        return path
    }

    /// Makes what is missing, for this user alone; what cannot be made is told when the file is opened.
    private static func makeFolders(of path: String) {
        var folder = ""
        for name in path.split(separator: "/").dropLast() {
            folder += "/" + name
            mkdir(folder, 0o700)
        }
    }

    /// Runs `body` with the history that is there already.
    ///
    /// - Throws: `CommandFailure` with the code `notFound` when there is none.
    func withStore<Result>(_ body: (HistoryStore) async throws -> Result) async throws -> Result {
        let path = try path()
        do {
            guard try await HistoryStore.isFound(at: path) else {
                throw CommandFailure(
                    .notFound,
                    "there is no history in \(path)",
                    hint: "start `pond history follow`, or name another file with --file"
                )
            }
            let store = HistoryStore(path: path)
            do {
                let result = try await body(store)
                try await store.close()
                return result
            } catch {
                // What was wrong before is worth more than what is now.
                try? await store.close()
                throw error
            }
        } catch let error as SQLiteError {
            throw CommandFailure(error)
        }
    }
}

extension HistoryFile {
    /// Runs `body` with the history, or with nil and why there is none, for answers that do not need one.
    func withStoreIfAny<Result>(_ body: (HistoryStore?, String) async throws -> Result) async throws -> Result {
        try await HistoryFile.withStoreIfAny(at: try path(), body)
    }

    /// The same with the history in a file.
    static func withStoreIfAny<Result>(
        at path: String,
        _ body: (HistoryStore?, String) async throws -> Result
    ) async throws -> Result {
        do {
            guard try await HistoryStore.isFound(at: path) else {
                return try await body(nil, "there is no history at \(path)")
            }
        } catch let error as SQLiteError {
            return try await body(nil, "the history at \(path) cannot be read (\(error))")
        }
        let store = HistoryStore(path: path)
        do {
            let result = try await body(store, "")
            try await store.close()
            return result
        } catch {
            // What was wrong before is worth more than what is now.
            try? await store.close()
            throw error
        }
    }
}

/// A size such as 2GiB or 500MB.
enum ByteCount {
    private static let units: [(name: String, bytes: Double)] = [
        ("KiB", 1_024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776), ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9), ("TB", 1e12),
    ]

    /// For `@Option(transform: ByteCount.argument)`.
    static func argument(_ text: String) throws -> Int64 {
        let unit = units.first { text.lowercased().hasSuffix($0.name.lowercased()) }
        let number = Double(unit == nil ? text[...] : text.dropLast(unit?.name.count ?? 0))
        guard let number, number.isFinite, number >= 0, number * (unit?.bytes ?? 1) < 9e15 else {
            throw ValidationError(
                "\"\(SafeText.escaped(text.prefix(40)))\" is no size; write it as 500MiB, 2GiB or a number of bytes"
            )
        }
        return Int64(number * (unit?.bytes ?? 1))
    }

    /// As people read it: `3.4 MiB`.
    static func human(_ bytes: Int64) -> String {
        guard let unit = units.prefix(4).last(where: { Double(bytes) >= $0.bytes }) else { return "\(bytes) B" }
        let tenths = Int64(Double(bytes) / unit.bytes * 10)
        return tenths < 1_000 ? "\(tenths / 10).\(tenths % 10) \(unit.name)" : "\(tenths / 10) \(unit.name)"
    }
}

extension CommandFailure {
    /// What a person is told about a history that failed.
    init(history error: any Error) {
        switch error {
        case let error as SQLiteError: self.init(error)
        case let error as OutboxError: self.init(.failure, error.message)
        case let error as HistoryError where error.code == .followed: self.init(.conflict, error.message)
        case let error as HistoryError:
            self.init(
                .conflict,
                error.message,
                hint: "name another file with --file; if it is the same server at another address, add --adopt"
            )
        default: self.init(describing: error)
        }
    }
}
