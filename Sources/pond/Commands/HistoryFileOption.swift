import ArgumentParser
import Millpond
import PondSQLite

/// Where the history is, for commands that read it when it is there.
struct HistoryFileOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The history's file. Defaults to MILLPOND_HISTORY, then to millpond/history.sqlite in the state folder.",
            valueName: "path"
        )
    )
    var history: String?

    /// The file that is meant; nil when nothing says where a home is.
    var path: String? {
        if let history { return history }
        if let given = Environment.value("MILLPOND_HISTORY"), !given.isEmpty { return given }
        let state = Environment.value("XDG_STATE_HOME") ?? Environment.value("HOME").map { $0 + "/.local/state" }
        return state.map { "\($0)/millpond/history.sqlite" }
    }

    /// Opens the history when there is one.
    ///
    /// - Parameter body: is given the history, or nil and why there is none.
    func withStore<Result>(_ body: (HistoryStore?, String) async throws -> Result) async throws -> Result {
        guard let path else { return try await body(nil, "there is no history, and no home to look for it") }
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
            // The first failure is the one to tell of.
            try? await store.close()
            throw error
        }
    }
}
