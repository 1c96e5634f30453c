import ArgumentParser
import Millpond

/// `pond history`: what happened to jobs, also long after they ended.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Keep what happened to jobs in a file, and search it.",
        discussion: """
            Redis forgets a job that ended. `pond history follow` reads the journals of all queues into an SQLite file, \
            from which the other commands answer; `pond up` does so by itself. The file is --file, or MILLPOND_HISTORY, \
            or millpond/history.sqlite in XDG_STATE_HOME or ~/.local/state.
            """,
        subcommands: [
            HistoryFollowCommand.self, HistoryStatusCommand.self, HistorySearchCommand.self, HistoryJobCommand.self,
        ]
    )
}
